import { randomBytes, randomUUID } from "node:crypto"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { toOperation } from "../../src/chain-writer/intake.ts"
import {
  type Hex,
  type Inclusion,
  type Lane,
  type Lanes,
  LeaseLostError,
  type OpenTransaction,
  type OperationQueue,
  type SignedAttempt,
  type TransactionLog,
} from "../../src/chain-writer/ports.ts"
import { operationResults } from "../../src/chain-writer/results.ts"
import type { EventRecord, NewEvent } from "../../src/domain/event.ts"
import type { Outcome } from "../../src/domain/outcome.ts"
import {
  anyHash,
  anySubject,
  blockRequested,
  event,
  expired,
  unblockRequested,
} from "../support/event-builders.ts"
import { until } from "../support/until.ts"

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

const register = (): EventRecord => event("register-patient.requested", anySubject())

/** The promises of the port TransactionLog, kept by every implementation. */
export function transactionLogConformance(name: string, open: () => Promise<TransactionLogHarness>): void {
  describe(`transaction log: ${name}`, () => {
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

    describe("claims", () => {
      it("take what is pending in the order of positions, with the next nonce", async () => {
        const [a, b, c] = [register(), register(), register()]
        await requested(c, a, b)
        expect(ids(await claim({ limit: 2 }))).toEqual([a.eventId, b.eventId])
      })

      it("give the operations as they came in", async () => {
        const request = register()
        await requested(request)
        expect(await claim()).toMatchObject({
          nonce: 0,
          type: "patient",
          contract,
          state: "reserved",
          operations: [{ ...toOperation(request), tries: 0, type: undefined }].map(
            ({ type: _, backfill: __, ...rest }) => rest,
          ),
          attempts: [],
          inclusion: null,
        })
      })

      it("find nothing where nothing waits, and use no nonce for it", async () => {
        expect(await claim()).toBeNull()
        await requested(register())
        expect((await claim())?.nonce).toBe(0)
      })

      it("begin at the nonce the account is at", async () => {
        await requested(register())
        expect((await claim({ atLeastNonce: 7 }))?.nonce).toBe(7)
      })

      it("take nothing of another type", async () => {
        await requested(blockRequested(anySubject(), 60))
        expect(await claim()).toBeNull()
        expect(await harness.log.ready()).toEqual([{ type: "ip-block", live: true, backfill: false }])
      })

      it("take several operations of one subject together, in their order", async () => {
        const subject = anySubject()
        const [block, unblock] = await requested(blockRequested(subject, 60), unblockRequested(subject))
        expect(ids(await claim({ type: "ip-block" }))).toEqual([block?.eventId, unblock?.eventId])
      })

      it("wait while an earlier operation of the subject is sent, also on another lane", async () => {
        const subject = anySubject()
        await requested(blockRequested(subject, 60))
        await sent(await claim({ type: "ip-block" }))
        await requested(unblockRequested(subject))
        expect(await claim({ type: "ip-block" })).toBeNull()
        expect(await claim({ type: "ip-block" }, await newLane())).toBeNull()
      })

      it("go on when the earlier operation is included", async () => {
        const subject = anySubject()
        await requested(blockRequested(subject, 60))
        await included(await reserved({ type: "ip-block" }), ["Applied"])
        const [unblock] = await requested(unblockRequested(subject))
        expect(ids(await claim({ type: "ip-block" }))).toEqual([unblock?.eventId])
      })

      it("wait for an earlier operation that is to be tried again later", async () => {
        const block = blockRequested(anySubject(), 3_600)
        await requested(expired(block))
        await confirm(await reserved({ type: "ip-block" }), ["NotDue"])
        await requested(unblockRequested(block.subject))
        expect(await claim({ type: "ip-block" })).toBeNull()
      })

      it("never give an operation to two lanes that ask at once", async () => {
        await requested(...Array.from({ length: 20 }, register))
        const others = await Promise.all([newLane(), newLane(), newLane()])
        const claims = await Promise.all(others.map(other => claim({ limit: 8 }, other)))
        const claimed = claims.flatMap(ids)
        expect(claimed).toHaveLength(20)
        expect(new Set(claimed).size).toBe(20)
      })

      it("do not follow a transaction that was not sent", async () => {
        await requested(register())
        await claim()
        await requested(register())
        await expect(claim()).rejects.toThrow()
      })
    })

    describe("open transactions", () => {
      it("are read as they were written, in the order of nonces", async () => {
        await requested(register())
        const first = await reserved()
        const signed = await sent(first)
        await requested(register())
        const second = await reserved()
        const open = await harness.log.open(lane)
        expect(open.map(({ id, nonce, state }) => [id, nonce, state])).toEqual([
          [first.id, 0, "sent"],
          [second.id, 1, "reserved"],
        ])
        expect(open[0]?.attempts).toMatchObject([{ ...signed, state: "sent" }])
        expect(open[0]?.attempts[0]?.firstSentAgoMs).toBeGreaterThanOrEqual(0)
        expect(open[0]?.operations).toEqual(first.operations)
      })

      it("have their signed bytes before they are sent", async () => {
        await requested(register())
        const transaction = await reserved()
        const signed = attempt(1)
        await harness.log.saveAttempt(lane, transaction.id, signed)
        const [open] = await harness.log.open(lane)
        expect(open).toMatchObject({
          state: "signed",
          attempts: [{ ...signed, state: "signed", firstSentAgoMs: null }],
        })
      })

      it("can be given a second attempt when the first is out, and not before", async () => {
        await requested(register())
        const transaction = await reserved()
        const signed = attempt(1)
        await harness.log.saveAttempt(lane, transaction.id, signed)
        await expect(harness.log.saveAttempt(lane, transaction.id, attempt(1, 12n))).rejects.toThrow()
        await harness.log.advance(lane, transaction.id, { to: "sent", hash: signed.hash })
        await harness.log.saveAttempt(lane, transaction.id, attempt(1, 12n))
        const [open] = await harness.log.open(lane)
        expect(open?.attempts.map(each => each.maxFeePerGasWei)).toEqual([10n, 12n])
      })

      it("keep an attempt that was refused, for it may be mined all the same", async () => {
        await requested(register())
        const transaction = await reserved()
        const signed = attempt(1)
        await harness.log.saveAttempt(lane, transaction.id, signed)
        await harness.log.advance(lane, transaction.id, { to: "refused", hash: signed.hash })
        await harness.log.saveAttempt(lane, transaction.id, attempt(1, 12n))
        const [open] = await harness.log.open(lane)
        expect(open?.attempts.map(({ state }) => state)).toEqual(["refused", "signed"])
      })

      it("know where they were included, and forget it in a reorganisation", async () => {
        await requested(register(), register())
        const transaction = await reserved()
        const inclusion = await included(transaction, ["Applied", "Conflict"])
        expect((await harness.log.open(lane))[0]).toMatchObject({ state: "included", inclusion })
        await harness.log.advance(lane, transaction.id, { to: "reorged" })
        expect((await harness.log.open(lane))[0]).toMatchObject({ state: "sent", inclusion: null })
        await harness.log.advance(lane, transaction.id, { to: "included", inclusion })
        expect((await harness.log.open(lane))[0]).toMatchObject({ state: "included" })
      })

      it("refuse a change that does not start from their state", async () => {
        await requested(register())
        const transaction = await reserved()
        const inclusion = {
          hash: anyHash() as Hex,
          blockNumber: 9,
          blockHash: anyHash() as Hex,
          outcomes: ["Applied"] as const,
        }
        await expect(
          harness.log.advance(lane, transaction.id, { to: "included", inclusion }),
        ).rejects.toThrow()
        await expect(harness.log.settle(lane, transaction.id, { as: "lost" })).rejects.toThrow()
        expect((await harness.log.open(lane))[0]).toMatchObject({ state: "reserved" })
      })
    })

    describe("settling", () => {
      it("appends each final result once, with its cause, and ends the operation", async () => {
        const [request] = await requested(register())
        const inclusion = await confirm(await reserved(), ["Applied"])
        expect(await harness.log.open(lane)).toEqual([])
        expect(await harness.log.ready()).toEqual([])
        expect(await harness.appended(request?.subject ?? "")).toMatchObject([
          {
            type: "register-patient.confirmed",
            causationId: request?.eventId,
            traceparent: request?.traceparent,
            payload: { operationId: request?.eventId, outcome: "Applied", transactionHash: inclusion.hash },
          },
        ])
      })

      it("cannot be done twice", async () => {
        const [request] = await requested(register())
        const transaction = await reserved()
        const inclusion = await included(transaction, ["Applied"])
        const results = operationResults(transaction.operations, inclusion, Date.now())
        const settlement = { as: "confirmed", results, foreignVersion: null } as const
        await harness.log.settle(lane, transaction.id, settlement)
        await expect(harness.log.settle(lane, transaction.id, settlement)).rejects.toThrow()
        expect(await harness.appended(request?.subject ?? "")).toHaveLength(1)
      })

      it("appends the results of one subject in the order of its operations", async () => {
        const subject = anySubject()
        await requested(blockRequested(subject, 60), unblockRequested(subject))
        await confirm(await reserved({ type: "ip-block" }), ["Applied", "Applied"])
        const types = (await harness.appended(subject)).map(({ type }) => type)
        expect(types).toEqual(["block-ip.confirmed", "unblock-ip.confirmed"])
      })

      it("gives back what is to be tried again, after its time, and says nothing of it", async () => {
        const [request] = await requested(expired(blockRequested(anySubject(), -5)))
        await confirm(await reserved({ type: "ip-block" }), ["Missing"])
        expect(await claim({ type: "ip-block" })).toBeNull()
        expect(await harness.appended(request?.subject ?? "")).toEqual([])
        const again = await until(
          () => claim({ type: "ip-block" }),
          found => found !== null,
        )
        expect(again).toMatchObject({ nonce: 1, operations: [{ eventId: request?.eventId, tries: 1 }] })
      })

      it("gives everything back when nothing took effect", async () => {
        const [request] = await requested(register())
        const transaction = await reserved()
        const { hash } = await sent(transaction)
        await harness.log.settle(lane, transaction.id, { as: "reverted", hash, retryAfterMs: 0 })
        expect(await harness.log.open(lane)).toEqual([])
        expect(ids(await claim())).toEqual([request?.eventId])
      })

      it("gives everything back when the nonce was someone else's", async () => {
        const [request] = await requested(register())
        const transaction = await reserved()
        await sent(transaction)
        await harness.log.settle(lane, transaction.id, { as: "lost" })
        expect(await claim()).toMatchObject({ nonce: 1, operations: [{ eventId: request?.eventId }] })
      })

      it("lifts the log's clock above a version from another branch", async () => {
        const request = register()
        await requested(request)
        const foreign = request.position + (60_000n << 22n)
        await confirm(await reserved(), ["Superseded"], foreign)
        expect(await harness.isRaisedAbove(foreign)).toBe(true)
      })

      it("gives back at once what the mined attempt did not carry", async () => {
        await requested(register(), register(), register())
        const transaction = await reserved()
        const signed = attempt(2)
        await harness.log.saveAttempt(lane, transaction.id, signed)
        await harness.log.advance(lane, transaction.id, { to: "sent", hash: signed.hash })
        const outcomes = ["Applied", "Applied"] as const
        const inclusion = { hash: signed.hash, blockNumber: 9, blockHash: anyHash() as Hex, outcomes }
        await harness.log.advance(lane, transaction.id, { to: "included", inclusion })
        expect(await claim()).toBeNull()
        const carried = transaction.operations.slice(0, 2)
        const results = operationResults(carried, inclusion, Date.now())
        await harness.log.settle(lane, transaction.id, { as: "confirmed", results, foreignVersion: null })
        expect(ids(await claim())).toEqual([transaction.operations[2]?.eventId])
      })

      it("knows what was confirmed, newest first, and where it was mined again", async () => {
        await requested(register(), register())
        await confirm(await reserved({ limit: 1 }), ["Applied"])
        const inclusion = await confirm(await reserved({ limit: 1 }), ["Applied"])
        const [newest, ...more] = await harness.log.confirmed(lane, 10, 1)
        expect([newest?.nonce, newest?.inclusion, more]).toEqual([1, inclusion, []])
        expect((await harness.log.confirmed(lane, 1, 5)).map(({ nonce }) => nonce)).toEqual([0])
        const to = { hash: inclusion.hash, blockNumber: 12, blockHash: anyHash() as Hex }
        await harness.log.moveConfirmed(lane, newest?.id ?? 0n, to)
        expect((await harness.log.confirmed(lane, 10, 1))[0]?.inclusion).toEqual({ ...inclusion, ...to })
      })

      it("remembers what the chain contradicts, once", async () => {
        const [request] = await requested(register())
        await confirm(await reserved(), ["Applied"])
        const [confirmed] = await harness.log.confirmed(lane, 10, 1)
        const eventIds = [request?.eventId ?? ""]
        await harness.log.contradict(lane, confirmed?.id ?? 0n, eventIds)
        expect(await harness.log.confirmed(lane, 10, 1)).toEqual([])
        await expect(harness.log.contradict(lane, confirmed?.id ?? 0n, eventIds)).rejects.toThrow()
      })

      it("keeps the bytes of what is settled", async () => {
        await requested(register())
        const first = await reserved()
        const signed = await sent(first)
        await harness.log.settle(lane, first.id, { as: "reverted", hash: signed.hash, retryAfterMs: 0 })
        expect(await harness.log.settledBytes(lane, 0, 9)).toEqual([{ hash: signed.hash, raw: signed.raw }])
        expect(await harness.log.settledBytes(lane, 1, 9)).toEqual([])
        const second = await reserved()
        const resigned = await sent(second)
        await harness.log.settle(lane, second.id, { as: "reverted", hash: resigned.hash, retryAfterMs: 0 })
        const hashes = async (from: number, most: number) =>
          (await harness.log.settledBytes(lane, from, most)).map(({ hash }) => hash)
        expect(await hashes(0, 9)).toEqual([signed.hash, resigned.hash])
        expect(await hashes(0, 1)).toEqual([signed.hash])
        expect(await hashes(1, 1)).toEqual([resigned.hash])
      })
    })

    it("counts what waits, no further than asked", async () => {
      await requested(register(), register(), register())
      expect(await harness.log.waiting("patient", 2)).toEqual({ live: 2, backfill: 0 })
      expect(await harness.log.waiting("patient", 9)).toEqual({ live: 3, backfill: 0 })
      expect(await harness.log.waiting("ip-block", 9)).toEqual({ live: 0, backfill: 0 })
    })

    it("reserves nothing for a lane that is halted", async () => {
      await requested(register())
      await harness.lanes.halt(lane, "reorg-too-deep")
      expect(await claim()).toBeNull()
      expect(await claim({}, await newLane())).not.toBeNull()
    })

    it("fences off every write of an epoch that has passed", async () => {
      await requested(register(), register())
      const transaction = await reserved({ limit: 1 })
      const signed = await sent(transaction)
      await harness.lanes.release(lane)
      const { address } = lane
      await harness.lanes.lease({ address, holder: "two", leaseMs: 60_000, genesisHash })
      const writes = [
        () => claim({}, lane),
        () => harness.log.saveAttempt(lane, transaction.id, attempt(1)),
        () => harness.log.advance(lane, transaction.id, { to: "sent", hash: signed.hash }),
        () => harness.log.settle(lane, transaction.id, { as: "lost" }),
      ]
      for (const write of writes) await expect(write()).rejects.toThrow(LeaseLostError)
    })
  })
}
