import { Contract } from "ethers"
import { type ChainConnection, connectChain } from "../../../src/adapters/ethereum/provider.ts"
import {
  lowerHex,
  type RegistryAddresses,
  registryInterface,
} from "../../../src/adapters/ethereum/registries.ts"
import { closeDatabase, openDatabase, type Sql } from "../../../src/adapters/postgres/client.ts"
import type { OperationType } from "../../../src/domain/operation.ts"
import { OUTCOMES, type Outcome, verdictOf } from "../../../src/domain/outcome.ts"

/** What the oracle found, seen from outside only: contract events, slots and rows. All but the first two must be empty. */
export interface Audit {
  readonly operations: number
  readonly applied: number
  /** Accepted, and not with exactly one final outcome. */
  readonly notFinal: readonly string[]
  /** Not exactly one result event. */
  readonly resultEvents: readonly string[]
  /** Confirmed, and not with exactly one effect; or not confirmed, and with one. */
  readonly effects: readonly string[]
  /** On the chain without an operation that asked for it. */
  readonly strays: readonly string[]
  /** What the result says is not what the chain says. */
  readonly contradicted: readonly string[]
  /** The slot is not the word of the last effect. */
  readonly slots: readonly string[]
  /** Nonces the account has used that the log does not know, or has as another's, or the reverse. */
  readonly nonceGaps: readonly string[]
}

interface Effect {
  readonly type: OperationType
  readonly subject: string
  readonly word: bigint
  readonly outcome: Outcome
  readonly transactionHash: string
}

interface OperationRow {
  readonly eventId: string
  readonly type: OperationType
  readonly word: Buffer
  readonly state: string
  readonly result: string | null
}

interface ResultRow {
  readonly causationId: string
  readonly type: string
  readonly payload: { readonly outcome: Outcome; readonly transactionHash: string }
}

/** Judges a run that has come to rest, over connections of its own: none that a fault was injected into. */
export async function audit(where: {
  readonly nodeUrl: string
  readonly databaseUrl: string
  readonly addresses: RegistryAddresses
}): Promise<Audit> {
  const connection = await connectChain({ url: where.nodeUrl, requestTimeoutMs: 30_000 })
  const sql = openDatabase({ url: where.databaseUrl, max: 2, applicationName: "audit" })
  try {
    const effects = await readEffects(connection, where.addresses)
    const operations = await readOperations(sql)
    const results = await readResults(sql)
    return {
      operations: operations.length,
      applied: effects.filter(({ outcome }) => outcome === "Applied").length,
      ...judgeOperations(operations, results, effects),
      slots: await judgeSlots(connection, where.addresses, effects),
      nonceGaps: await judgeNonces(connection, sql),
    }
  } finally {
    connection.close()
    await closeDatabase(sql)
  }
}

function judgeOperations(
  operations: readonly OperationRow[],
  results: readonly ResultRow[],
  effects: readonly Effect[],
) {
  const resultsOf = Map.groupBy(results, row => row.causationId)
  const effectsOf = Map.groupBy(effects, ({ type, word }) => `${type} ${word}`)
  const asked = new Set(operations.map(row => keyOf(row)))
  const one = (row: OperationRow) => resultsOf.get(row.eventId)?.[0]
  const records = (row: OperationRow) => effectsOf.get(keyOf(row)) ?? []
  return {
    notFinal: operations.filter(({ state }) => state !== "final").map(row => `${row.eventId} ${row.state}`),
    resultEvents: operations
      .filter(row => resultsOf.get(row.eventId)?.length !== 1)
      .map(row => `${row.eventId} ${resultsOf.get(row.eventId)?.length ?? 0}`),
    effects: operations
      .filter(row => timesApplied(records(row)) !== expectedEffects(row, records(row)))
      .map(row => `${row.eventId} ${row.result} ${timesApplied(records(row))}`),
    strays: [...effectsOf.keys()].filter(key => !asked.has(key)),
    contradicted: operations
      .filter(row => {
        const result = one(row)
        if (!result) return false
        const said = records(row).some(
          ({ transactionHash, outcome }) =>
            transactionHash === result.payload.transactionHash && outcome === result.payload.outcome,
        )
        return (
          !said || !result.type.endsWith(`.${row.result}`) || verdictOf(result.payload.outcome) !== row.result
        )
      })
      .map(row => `${row.eventId} ${row.result} ${JSON.stringify(one(row)?.payload)}`),
  }
}

/** A block that was over on arrival is confirmed by a tombstone, which is no effect. */
function expectedEffects(row: OperationRow, records: readonly Effect[]): number {
  return row.result === "confirmed" && !records.some(({ outcome }) => outcome === "Expired") ? 1 : 0
}

function timesApplied(records: readonly Effect[]): number {
  return records.filter(({ outcome }) => outcome === "Applied").length
}

function keyOf({ type, word }: OperationRow): string {
  return `${type} ${BigInt(`0x${word.toString("hex")}`)}`
}

async function readEffects(
  { provider }: ChainConnection,
  addresses: RegistryAddresses,
): Promise<readonly Effect[]> {
  const topics = [registryInterface.getEvent("BatchApplied")?.topicHash ?? ""]
  const perType = Object.entries(addresses).map(async ([type, address]) => {
    const logs = await provider.getLogs({ address, topics, fromBlock: 0 })
    const batches = logs.map(async ({ transactionHash, data, topics: indexed }) => {
      const transaction = await provider.getTransaction(transactionHash)
      const outcomes = registryInterface.parseLog({ topics: indexed, data })?.args.outcomes as string
      const codes = Buffer.from(outcomes.slice(2), "hex")
      const records = registryInterface.decodeFunctionData(
        "applyBatch",
        transaction?.data ?? "0x",
      )[0] as readonly (readonly [string, bigint])[]
      return records.map(([subject, word], index): Effect => {
        const outcome = OUTCOMES[codes[index] ?? -1] ?? "Invalid"
        return {
          type: type as OperationType,
          subject,
          word,
          outcome,
          transactionHash: lowerHex(transactionHash),
        }
      })
    })
    return (await Promise.all(batches)).flat()
  })
  return (await Promise.all(perType)).flat()
}

function readOperations(sql: Sql): Promise<readonly OperationRow[]> {
  return sql<OperationRow[]>`
    select event_id as "eventId", type, word, state, result from reconciler.chain_operations`
}

function readResults(sql: Sql): Promise<readonly ResultRow[]> {
  return sql<ResultRow[]>`
    select causation_id as "causationId", type, payload from reconciler.outbox
    where type ~ '[.](confirmed|rejected|superseded)$'`
}

async function judgeSlots(
  { provider }: ChainConnection,
  addresses: RegistryAddresses,
  effects: readonly Effect[],
): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const [type, address] of Object.entries(addresses)) {
    const last = new Map(
      effects
        .filter(effect => effect.type === type && effect.outcome === "Applied")
        .map(({ subject, word }) => [subject, word]),
    )
    if (last.size === 0) continue
    const contract = new Contract(address, registryInterface, provider)
    const words: readonly bigint[] = await contract.getFunction("states")([...last.keys()])
    for (const [index, [subject, word]] of [...last].entries()) {
      if (words[index] !== word) wrong.push(`${type} ${subject}: ${words[index]} instead of ${word}`)
    }
  }
  return wrong
}

async function judgeNonces({ provider }: ChainConnection, sql: Sql): Promise<readonly string[]> {
  const lanes = await sql<{ lane: string; nonces: string[]; lost: bigint }[]>`
    select '0x' || encode(lane, 'hex') as lane, array_agg(nonce::text order by nonce) as nonces,
      count(*) filter (where state = 'lost') as lost
    from reconciler.chain_transactions group by lane`
  const wrong: string[] = []
  for (const { lane, nonces, lost } of lanes) {
    const used = await provider.getTransactionCount(lane)
    const expected = Array.from({ length: used }, (_, nonce) => String(nonce))
    if (nonces.join() !== expected.join()) wrong.push(`${lane}: ${used} used, the log has ${nonces.join()}`)
    if (lost > 0n) wrong.push(`${lane}: ${lost} taken for someone else's`)
  }
  return wrong
}
