import { Contract, Interface, type JsonRpcProvider, type Log } from "ethers"
import {
  attackSignatureRegistry,
  blockedIpRegistry,
  patientRegistry,
} from "../../adapters/ethereum/artifacts.generated.ts"
import type { OperationType } from "../../domain/operation.ts"
import { outcomeFromCode } from "../../domain/outcome.ts"
import type { Subject } from "../../domain/subject.ts"
import type { ChainHistory, ChainOutcome, GetterAnswer } from "./observations.ts"

export type ContractAddresses = Readonly<Record<OperationType, string>>

const interfaces: Readonly<Record<OperationType, Interface>> = {
  patient: new Interface(patientRegistry.abi),
  "ip-block": new Interface(blockedIpRegistry.abi),
  "attack-signature": new Interface(attackSignatureRegistry.abi),
}

const BLOCKS_PER_CALL = 5_000
const SUBJECTS_PER_CALL = 400
const CALLS_AT_ONCE = 8

/** Every batch since `fromBlock`: the contracts' events, and the records out of their transactions' calldata. */
export async function readHistory(
  provider: JsonRpcProvider,
  contracts: ContractAddresses,
  range: { readonly fromBlock: number; readonly neighbour: string },
): Promise<ChainHistory> {
  const head = await provider.getBlockNumber()
  const registries = Object.entries(contracts) as [OperationType, string][]
  const logs: { registry: OperationType; log: Log }[] = []
  for (let fromBlock = range.fromBlock; fromBlock <= head; fromBlock += BLOCKS_PER_CALL) {
    const toBlock = Math.min(head, fromBlock + BLOCKS_PER_CALL - 1)
    for (const [registry, address] of registries) {
      const topics = [interfaces[registry].getEvent("BatchApplied")?.topicHash ?? null]
      const found = await provider.getLogs({ address, topics, fromBlock, toBlock })
      logs.push(...found.map(log => ({ registry, log })))
    }
  }
  const batches = await mapLimited(logs, ({ registry, log }) => readBatch(provider, registry, log))
  return {
    outcomes: batches.flatMap(batch => batch.outcomes),
    gasUsed: batches
      .filter(batch => batch.from.toLowerCase() !== range.neighbour.toLowerCase())
      .reduce((sum, batch) => sum + batch.gasUsed, 0n),
  }
}

interface Batch {
  readonly from: string
  readonly gasUsed: bigint
  readonly outcomes: readonly ChainOutcome[]
}

async function readBatch(provider: JsonRpcProvider, registry: OperationType, log: Log): Promise<Batch> {
  const [transaction, receipt] = await Promise.all([
    provider.getTransaction(log.transactionHash),
    provider.getTransactionReceipt(log.transactionHash),
  ])
  const call = transaction && interfaces[registry].parseTransaction({ data: transaction.data })
  const event = interfaces[registry].parseLog(log)
  if (!transaction || !receipt || !call || !event) {
    throw new Error(`the chain has an event of transaction ${log.transactionHash}, but not the transaction`)
  }
  const records = call.args[0] as readonly { readonly subject: Subject; readonly word: bigint }[]
  const codes = Buffer.from(String(event.args.outcomes).slice(2), "hex")
  return {
    from: transaction.from,
    gasUsed: receipt.gasUsed,
    outcomes: records.map(({ subject, word }, index) => {
      const outcome = outcomeFromCode(codes[index] ?? -1)
      if (!outcome) throw new Error(`batch ${log.transactionHash} has no outcome for record ${index}`)
      const transactionHash = log.transactionHash
      return { registry, subject: subject.toLowerCase() as Subject, word, outcome, transactionHash }
    }),
  }
}

/** The stored words, by `states`, hundreds of subjects a call. */
export async function readWords(
  provider: JsonRpcProvider,
  contracts: ContractAddresses,
  subjects: ReadonlyMap<Subject, OperationType>,
): Promise<ReadonlyMap<Subject, bigint>> {
  const pages = [...Map.groupBy(subjects, ([, registry]) => registry)].flatMap(([registry, found]) =>
    pagesOf(found.map(([subject]) => subject)).map(page => ({ registry, page })),
  )
  const words = await mapLimited(pages, async ({ registry, page }) => {
    const contract = new Contract(contracts[registry], interfaces[registry], provider)
    const stored: readonly bigint[] = await contract.getFunction("states").staticCall(page)
    return page.map((subject, index) => [subject, stored[index] ?? 0n] as const)
  })
  return new Map(words.flat())
}

/** What the getters that the app reads say of these subjects. */
export async function readGetters(
  provider: JsonRpcProvider,
  contracts: ContractAddresses,
  sample: ReadonlyMap<Subject, OperationType>,
): Promise<readonly GetterAnswer[]> {
  const answers = await mapLimited([...sample], async ([subject, registry]) => {
    if (registry === "attack-signature") return []
    const getter = registry === "patient" ? "isPatientRegistered" : "isIPBlocked"
    const contract = new Contract(contracts[registry], interfaces[registry], provider)
    const answer: boolean = await contract.getFunction(getter).staticCall(subject)
    return [{ getter, subject, answer } as const]
  })
  return answers.flat()
}

function pagesOf(subjects: readonly Subject[]): Subject[][] {
  return Array.from({ length: Math.ceil(subjects.length / SUBJECTS_PER_CALL) }, (_, page) =>
    subjects.slice(page * SUBJECTS_PER_CALL, (page + 1) * SUBJECTS_PER_CALL),
  )
}

/** A few calls at a time; answers in the order of `items`. */
async function mapLimited<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = []
  for (let first = 0; first < items.length; first += CALLS_AT_ONCE) {
    answers.push(...(await Promise.all(items.slice(first, first + CALLS_AT_ONCE).map(work))))
  }
  return answers
}
