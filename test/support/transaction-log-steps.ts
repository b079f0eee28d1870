import { randomBytes, randomUUID } from "node:crypto"
import { afterEach, beforeEach } from "vitest"
import { toOperation } from "../../src/chain-writer/intake.ts"
import type {
  Hex,
  Inclusion,
  Lane,
  Lanes,
  OpenTransaction,
  OperationQueue,
  SignedAttempt,
  TransactionLog,
} from "../../src/chain-writer/ports.ts"
import { operationResults } from "../../src/chain-writer/results.ts"
import type { EventRecord, NewEvent } from "../../src/domain/event.ts"
import type { Outcome } from "../../src/domain/outcome.ts"
import { anyHash, anySubject, event } from "./event-builders.ts"

export interface TransactionLogHarness {
  readonly queue: OperationQueue
  readonly lanes: Lanes
  readonly log: TransactionLog
  /** What was appended about a subject, in the log's order. */
  appended(
    subject: string,
  ): Promise<readonly Pick<NewEvent, "type" | "payload" | "traceparent" | "causationId">[]>
  /** Whether the log's clock was lifted above a version. */
  isRaisedAbove(version: bigint): Promise<boolean>
  close(): Promise<void>
}

export const register = (): EventRecord => event("register-patient.requested", anySubject())

export type TransactionLogSteps = ReturnType<typeof useTransactionLog>

/** A log and a lane of its own for each test of the suite that calls it, and the steps that its tests are made of. */
export function useTransactionLog(open: () => Promise<TransactionLogHarness>) {
  let harness: TransactionLogHarness
  let lane: Lane
  const contract: Hex = `0x${"c0".repeat(20)}`
  const genesisHash = anyHash() as Hex

  beforeEach(async () => {
    harness = await open()
    lane = await newLane()
  })
  afterEach(() => harness.close())

  async function newLane(): Promise<Lane> {
    const address: Hex = `0x${randomBytes(20).toString("hex")}`
    const outcome = await harness.lanes.lease({ address, holder: "one", leaseMs: 60_000, genesisHash })
    if (outcome.kind !== "leased") throw new Error(outcome.kind)
    return outcome.lane
  }

  async function requested(...events: EventRecord[]): Promise<readonly EventRecord[]> {
    await harness.queue.accept({
      consumerGroup: "intake",
      topic: `topic-${randomUUID()}`,
      partition: 0,
      operations: events.flatMap(each => toOperation(each) ?? []),
      malformed: [],
      storedOffset: null,
      nextOffset: 1n,
    })
    return events
  }

  const claim = (more: Partial<Parameters<TransactionLog["reserve"]>[1]> = {}, by: Lane = lane) =>
    harness.log.reserve(by, {
      type: "patient",
      contract,
      limit: 100,
      backfillShare: 12,
      atLeastNonce: 0,
      ...more,
    })

  const ids = (transaction: OpenTransaction | null) =>
    transaction?.operations.map(({ eventId }) => eventId) ?? []

  function attempt(records: number, maxFeePerGasWei = 10n): SignedAttempt {
    const raw: Hex = `0x${randomBytes(90).toString("hex")}`
    return {
      hash: anyHash() as Hex,
      records,
      raw,
      gasLimit: 90_000n,
      maxFeePerGasWei,
      maxPriorityFeePerGasWei: 2n,
    }
  }

  async function sent(transaction: OpenTransaction | null, by: Lane = lane): Promise<SignedAttempt> {
    if (!transaction) throw new Error("nothing was reserved")
    const signed = attempt(transaction.operations.length)
    await harness.log.saveAttempt(by, transaction.id, signed)
    await harness.log.advance(by, transaction.id, { to: "sent", hash: signed.hash })
    return signed
  }

  async function included(transaction: OpenTransaction, outcomes: readonly Outcome[]): Promise<Inclusion> {
    const { hash } = await sent(transaction)
    const inclusion = { hash, blockNumber: 9, blockHash: anyHash() as Hex, outcomes }
    await harness.log.advance(lane, transaction.id, { to: "included", inclusion })
    return inclusion
  }

  async function reserved(
    more: Partial<Parameters<TransactionLog["reserve"]>[1]> = {},
  ): Promise<OpenTransaction> {
    const transaction = await claim(more)
    if (!transaction) throw new Error("nothing was reserved")
    return transaction
  }

  async function confirm(
    transaction: OpenTransaction,
    outcomes: readonly Outcome[],
    foreignVersion: bigint | null = null,
  ) {
    const inclusion = await included(transaction, outcomes)
    const results = operationResults(transaction.operations, inclusion, Date.now())
    await harness.log.settle(lane, transaction.id, { as: "confirmed", results, foreignVersion })
    return inclusion
  }

  return {
    get queue() {
      return harness.queue
    },
    get lanes() {
      return harness.lanes
    },
    get log() {
      return harness.log
    },
    /** The one that most steps are taken on. */
    get lane() {
      return lane
    },
    appended: (subject: string) => harness.appended(subject),
    isRaisedAbove: (version: bigint) => harness.isRaisedAbove(version),
    contract,
    genesisHash,
    newLane,
    requested,
    claim,
    ids,
    attempt,
    sent,
    included,
    reserved,
    confirm,
  }
}
