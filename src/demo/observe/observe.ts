import type { JsonRpcProvider } from "ethers"
import type { Sql } from "../../adapters/postgres/client.ts"
import type { RunRecord } from "../record.ts"
import { type ContractAddresses, readGetters, readHistory, readWords } from "./chain.ts"
import { type DatabaseStart, readDatabaseStart, readDeadLetters, readLog, readRows } from "./database.ts"
import type { Observations } from "./observations.ts"

/** Where to look. Nothing of the pipeline's own code or tables is asked but the log and the dead letters. */
export interface Outside {
  readonly sql: Sql
  readonly provider: JsonRpcProvider
  readonly contracts: ContractAddresses
  readonly neighbour: string
}

export interface DayStart extends DatabaseStart {
  readonly block: number
}

export async function readStart(outside: Outside): Promise<DayStart> {
  const block = await outside.provider.getBlockNumber()
  return { ...(await readDatabaseStart(outside.sql)), block: block + 1 }
}

const SAMPLE = 200

export async function observe(outside: Outside, start: DayStart, record: RunRecord): Promise<Observations> {
  const { sql, provider, contracts, neighbour } = outside
  const subjects = [...record.subjects]
  const every = Math.max(1, Math.floor(subjects.length / SAMPLE))
  // A call an answer: the stored words, which are read of all, say the same.
  const sample = new Map(subjects.filter((_, index) => index % every === 0))
  const [log, deadLetters, rows] = await Promise.all([
    readLog(sql, start.position),
    readDeadLetters(sql, start.deadLetterId),
    readRows(sql, [...record.subjects.keys()]),
  ])
  const chain = await readHistory(provider, contracts, { fromBlock: start.block, neighbour })
  const words = await readWords(provider, contracts, record.subjects)
  const getters = await readGetters(provider, contracts, sample)
  return { log, deadLetters, rows, chain, words, getters }
}
