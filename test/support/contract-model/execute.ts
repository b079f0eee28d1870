/**
 * Sends many runs to one contract side by side, each as a subject of its own: all deliveries that are due at the same
 * time go in waves, the first of each run, then the second, and so on. So 115,000 runs need 2,300 transactions.
 */
import type { ChainRecord, ModelChain, ModelContract } from "./chain.ts"
import { type Answer, type FinishedRun, OUTCOME, type Reading } from "./oracle.ts"
import { type Delivery, LONG_BLOCK_ENDS_AT, type Operation, type Run } from "./runs.ts"

/** Between the ends of the blocks, and long after; runs that still have deliveries to come are not asked. */
const READ_AT = [1, 5, LONG_BLOCK_ENDS_AT, 29]
/** What the readable reference, whose gas nobody minds, can do within the gas cap of a transaction. */
const RECORDS_A_BATCH = 256
const READS_A_CALL = 2000
const VERSION_EPOCH_SECONDS = 1_704_067_200
const FIRST_SUBJECT = 1n << 200n

type Subject = {
  key: bigint
  run: Run
  queue: Delivery[]
  retry: Delivery[]
  answers: Answer[]
  readings: Reading[]
}

export async function execute(
  chain: ModelChain,
  contract: ModelContract,
  runs: readonly Run[],
): Promise<FinishedRun[]> {
  const origin = (await chain.now()) + 10
  const subjects = runs.map(
    (run, i): Subject => ({
      key: FIRST_SUBJECT + BigInt(i),
      run,
      queue: [...run.deliveries],
      retry: [],
      answers: [],
      readings: [],
    }),
  )
  for (let at = 0; at <= Math.max(...READ_AT); at++) {
    for (let wave = dueAt(subjects, at); wave.length > 0; wave = dueAt(subjects, at))
      for (const part of pages(wave, RECORDS_A_BATCH)) {
        await chain.setNextTime(origin + at)
        await deliver(contract, part, origin, at)
      }
    if (!READ_AT.includes(at)) continue
    await chain.mineAt(origin + at)
    await read(contract, subjects, origin, at)
  }
  const finished: FinishedRun[] = []
  for (const page of pages(subjects, READS_A_CALL)) {
    const words = await contract.states(page.map(subject => subject.key))
    for (const [i, { run, answers, readings }] of page.entries())
      finished.push({ run, answers, readings, word: words[i]! })
  }
  return finished
}

function dueAt(subjects: readonly Subject[], at: number): Subject[] {
  return subjects.filter(subject => subject.queue[0]?.at === at)
}

async function deliver(contract: ModelContract, subjects: readonly Subject[], origin: number, at: number) {
  const outcomes = await contract.applyBatch(
    subjects.map(({ key, queue, run }) => toRecord(key, queue[0]!.operation, run, origin)),
  )
  for (const [i, subject] of subjects.entries()) {
    const delivery = subject.queue.shift()!
    const outcome = outcomes[i]!
    subject.answers.push({ operation: delivery.operation, at, outcome })
    if (outcome === OUTCOME.missing || outcome === OUTCOME.notDue) subject.retry.push(delivery)
    if (subject.queue.length > 0) continue
    // "Try again later" means once more, when all else has arrived and every block is over.
    const hasRetried = subject.answers.length > subject.run.deliveries.length
    subject.queue = hasRetried
      ? []
      : subject.retry.map(({ operation }) => ({ operation, at: LONG_BLOCK_ENDS_AT }))
  }
}

async function read(contract: ModelContract, subjects: readonly Subject[], origin: number, at: number) {
  const settled = subjects.filter(subject => subject.queue.length === 0)
  for (const page of pages(settled, READS_A_CALL)) {
    const { timestamp, answers } = await contract.areBlocked(page.map(subject => subject.key))
    if (timestamp !== origin + at) throw new Error(`read at ${timestamp}, not at ${origin + at}`)
    for (const [i, subject] of page.entries()) subject.readings.push({ at, blocked: answers[i] === 1 })
  }
}

/** The word as contracts/src/Word.sol describes it: version, tag, expiry, time, flags. */
function toRecord(subject: bigint, operation: Operation, run: Run, origin: number): ChainRecord {
  const named =
    operation.kind === "expiry" ? run.log.find(block => block.position === operation.ends)! : operation
  const version =
    (BigInt((origin - VERSION_EPOCH_SECONDS) * 1000) << 22n) | (BigInt(named.position) << 10n) | 1n
  const tag = (BigInt(named.position) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn
  const expiry = operation.kind === "automatic" ? BigInt(origin + operation.endsAt) : 0n
  const flags = { automatic: 5n, manual: 7n, unblock: 4n, expiry: 8n }[operation.kind]
  const word = (version << 192n) | (tag << 128n) | (expiry << 88n) | (BigInt(origin) << 48n) | flags
  return { subject, word }
}

function* pages<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size)
}
