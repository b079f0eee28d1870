import { FINDINGS, type Finding, STAYING_FINDINGS } from "../../../src/chain-writer/finding.ts"
import type { LaneLevers } from "../../../src/chain-writer/lane-levers.ts"
import {
  type Attempt,
  type ClaimedOperation,
  type Hex,
  type Inclusion,
  type Lane,
  type Lanes,
  LeaseLostError,
  type OpenTransaction,
  type SignedAttempt,
  type TransactionLog,
} from "../../../src/chain-writer/ports.ts"
import type { OperationType } from "../../../src/domain/operation.ts"
import { type ChainWriterMemory, findingKey, type StoredOperation } from "./operation-queue.ts"

interface LaneRow {
  readonly genesisHash: Hex
  nextNonce: number
  epoch: bigint
  holder: string | null
  leasedUntilMs: number
  draining: boolean
  halted: Finding | null
}

interface AttemptRow extends SignedAttempt {
  state: Attempt["state"]
  firstSentMs: number | null
  lastSentMs: number | null
}

interface TransactionRow {
  readonly id: bigint
  readonly lane: Hex
  readonly nonce: number
  readonly type: OperationType
  readonly contract: Hex
  readonly eventIds: readonly string[]
  readonly attempts: AttemptRow[]
  state: OpenTransaction["state"] | "confirmed" | "reverted" | "lost"
  inclusion: Inclusion | null
  contradicted: boolean
}

/** The twin of the lanes and of their transactions, over the memory that the operation queue's twin fills. */
export function createInMemoryLaneStore(memory: ChainWriterMemory): {
  lanes: Lanes
  log: TransactionLog
  levers: LaneLevers
} {
  const laneRows = new Map<Hex, LaneRow>()
  const transactions: TransactionRow[] = []

  function fence(lane: Lane): LaneRow {
    const row = laneRows.get(lane.address)
    if (!row || row.epoch !== lane.epoch) throw new LeaseLostError("a newer epoch")
    return row
  }

  function transaction(lane: Lane, id: bigint, ...states: TransactionRow["state"][]): TransactionRow {
    fence(lane)
    const row = transactions.find(each => each.id === id && each.lane === lane.address)
    if (!row || !states.includes(row.state)) throw new Error(`transaction ${id} is ${row?.state}`)
    return row
  }

  function operation(eventId: string): StoredOperation {
    const row = memory.operations.get(eventId)
    if (!row) throw new Error("no such operation")
    return row
  }

  /** Of the payload, those that the mined attempt carries. */
  function move(row: TransactionRow, state: StoredOperation["state"], records: number): void {
    for (const eventId of row.eventIds.slice(0, records)) operation(eventId).state = state
  }

  function giveBack(eventId: string, afterMs: number): void {
    const row = operation(eventId)
    Object.assign(row, { state: "pending", tries: row.tries + 1, notBeforeMs: memory.nowMs() + afterMs })
  }

  function endFindings(address: Hex): void {
    for (const key of memory.findings) {
      const stays = STAYING_FINDINGS.some(finding => key.endsWith(` ${finding}`))
      if (key.startsWith(address) && !stays) memory.findings.delete(key)
    }
  }

  const lanes: Lanes = {
    async lease({ address, holder, leaseMs, genesisHash }) {
      const nowMs = memory.nowMs()
      const row = laneRows.get(address) ?? freshLane(genesisHash, nowMs)
      laneRows.set(address, row)
      const otherChain = findingKey({ address, epoch: 0n }, "other-chain", null)
      if (row.genesisHash !== genesisHash) {
        memory.findings.add(otherChain)
        return { kind: "other-chain" }
      }
      const mine = row.holder === holder
      if (!mine && row.holder !== null && row.leasedUntilMs > nowMs) return { kind: "held" }
      memory.findings.delete(otherChain)
      if (!mine) {
        row.epoch += 1n
        endFindings(address)
      }
      Object.assign(row, { holder, leasedUntilMs: nowMs + leaseMs })
      const { epoch, nextNonce, draining, halted } = row
      return { kind: "leased", lane: { address, epoch }, nextNonce, draining, halted: halted !== null }
    },
    async release(lane) {
      const row = laneRows.get(lane.address)
      if (row?.epoch !== lane.epoch) return
      row.holder = null
      endFindings(lane.address)
    },
    async setFinding(lane, finding, type, present) {
      fence(lane)
      const key = findingKey(lane, finding, type)
      if (present) memory.findings.add(key)
      else memory.findings.delete(key)
    },
    async halt(lane, finding) {
      fence(lane).halted ??= finding
      memory.findings.add(findingKey(lane, finding, null))
    },
  }

  const log: TransactionLog = {
    async ready() {
      const due = [...memory.operations.values()].filter(row => isDue(row, memory.nowMs()))
      return [...new Set(due.map(({ type }) => type))].map(type => {
        const marks = due.filter(row => row.type === type).map(({ backfill }) => backfill)
        return { type, live: marks.includes(false), backfill: marks.includes(true) }
      })
    },
    async waiting(type, most) {
      const due = [...memory.operations.values()].filter(
        row => row.type === type && isDue(row, memory.nowMs()),
      )
      const backfill = due.filter(row => row.backfill).length
      return { live: Math.min(due.length - backfill, most), backfill: Math.min(backfill, most) }
    },
    async reserve(lane, { type, contract, limit, backfillShare, atLeastNonce }) {
      const row = fence(lane)
      if (row.halted !== null || row.draining) return null
      if (transactions.some(each => each.lane === lane.address && isUnsent(each))) {
        throw new Error("an unsent transaction is in the way")
      }
      const [live, backfill] = [claimable(memory, type, false), claimable(memory, type, true)]
      const kept = backfill.slice(0, backfillShare)
      const claimed = [...kept, ...live, ...backfill.slice(backfillShare)].slice(0, limit).sort(byPosition)
      if (claimed.length === 0) return null
      const nonce = Math.max(row.nextNonce, atLeastNonce)
      row.nextNonce = nonce + 1
      for (const each of claimed) Object.assign(each, { state: "claimed", notBeforeMs: null })
      const reserved: TransactionRow = {
        id: BigInt(transactions.length + 1),
        lane: lane.address,
        nonce,
        type,
        contract,
        eventIds: claimed.map(({ eventId }) => eventId),
        attempts: [],
        state: "reserved",
        inclusion: null,
        contradicted: false,
      }
      transactions.push(reserved)
      return toOpen(reserved)
    },
    async open(lane) {
      const own = transactions.filter(each => each.lane === lane.address && isOpen(each))
      return own.sort((a, b) => a.nonce - b.nonce).map(toOpen)
    },
    async saveAttempt(lane, id, attempt) {
      const row = transaction(lane, id, "reserved", "signed", "sent")
      if (row.attempts.some(({ state }) => state === "signed"))
        throw new Error("an unsent attempt is in the way")
      row.attempts.push({ ...attempt, state: "signed", firstSentMs: null, lastSentMs: null })
      if (row.state === "reserved") row.state = "signed"
    },
    async advance(lane, id, advance) {
      switch (advance.to) {
        case "sent": {
          const row = transaction(lane, id, "signed", "sent")
          const attempt = attemptOf(row, advance.hash)
          const nowMs = memory.nowMs()
          Object.assign(attempt, {
            state: "sent",
            firstSentMs: attempt.firstSentMs ?? nowMs,
            lastSentMs: nowMs,
          })
          row.state = "sent"
          break
        }
        case "refused":
          attemptOf(transaction(lane, id, "signed", "sent"), advance.hash).state = "refused"
          break
        case "included": {
          const row = transaction(lane, id, "sent")
          Object.assign(row, { state: "included", inclusion: advance.inclusion })
          move(row, "included", advance.inclusion.outcomes.length)
          break
        }
        case "reorged": {
          const row = transaction(lane, id, "included")
          move(row, "claimed", row.inclusion?.outcomes.length ?? 0)
          Object.assign(row, { state: "sent", inclusion: null })
          break
        }
      }
    },
    async settle(lane, id, settlement) {
      const row = transaction(lane, id, settlement.as === "confirmed" ? "included" : "sent")
      row.state = settlement.as
      if (settlement.as !== "confirmed") {
        const afterMs = settlement.as === "reverted" ? settlement.retryAfterMs : 0
        for (const eventId of row.eventIds) giveBack(eventId, afterMs)
        return
      }
      for (const eventId of row.eventIds.slice(settlement.results.length))
        operation(eventId).state = "pending"
      if (settlement.foreignVersion !== null) memory.raisedPositions.push(settlement.foreignVersion)
      for (const { eventId, next } of settlement.results) {
        if (next.verdict === "try-again") giveBack(eventId, next.retryAfterMs)
        else {
          Object.assign(operation(eventId), { state: "final", result: next.verdict })
          memory.events.push(next.event)
        }
      }
    },
    async settledBytes(lane, fromNonce, most) {
      const settled = transactions.filter(
        row => row.lane === lane.address && row.nonce >= fromNonce && !isOpen(row),
      )
      const bytes = settled.flatMap(row => {
        const attempt = row.attempts.find(({ hash }) => hash === row.inclusion?.hash) ?? row.attempts.at(-1)
        return attempt ? [{ hash: attempt.hash, raw: attempt.raw }] : []
      })
      return bytes.slice(0, most)
    },
    async confirmed(lane, belowNonce, limit) {
      const confirmed = transactions.filter(
        row =>
          row.lane === lane.address &&
          row.state === "confirmed" &&
          !row.contradicted &&
          row.nonce < belowNonce,
      )
      const newest = confirmed.sort((a, b) => b.nonce - a.nonce).slice(0, limit)
      return newest.map(row => {
        if (!row.inclusion) throw new Error("confirmed nowhere")
        const { id, nonce, contract, inclusion } = row
        return { id, nonce, contract, inclusion, ...payloadOf(row) }
      })
    },
    async moveConfirmed(lane, id, to) {
      const row = transaction(lane, id, "confirmed")
      if (row.inclusion) row.inclusion = { ...row.inclusion, ...to }
    },
    async contradict(lane, id, eventIds) {
      const row = transaction(lane, id, "confirmed")
      if (row.contradicted) throw new Error(`transaction ${id} is contradicted already`)
      row.contradicted = true
      for (const eventId of eventIds) {
        memory.deadLetters.insert({ source: "chain-writer", reason: "result-contradicted", eventId })
      }
    },
  }

  function payloadOf(row: TransactionRow) {
    const operations = row.eventIds.map(eventId => toClaimed(operation(eventId)))
    const attempts = row.attempts.map(({ firstSentMs, lastSentMs, ...attempt }) => ({
      ...attempt,
      firstSentAgoMs: firstSentMs === null ? null : memory.nowMs() - firstSentMs,
      lastSentAgoMs: lastSentMs === null ? null : memory.nowMs() - lastSentMs,
    }))
    return { operations, attempts }
  }

  function toOpen(row: TransactionRow): OpenTransaction {
    const { id, nonce, type, contract, inclusion } = row
    if (row.state === "confirmed" || row.state === "reverted" || row.state === "lost")
      throw new Error("settled")
    return { id, nonce, type, contract, state: row.state, inclusion, ...payloadOf(row) }
  }

  const levers: LaneLevers = {
    async list() {
      const rows = [...laneRows].sort(([a], [b]) => (a < b ? -1 : 1))
      return rows.map(([address, { holder, leasedUntilMs, nextNonce, draining, halted }]) => {
        const own = [...memory.findings].filter(key => key.startsWith(address))
        return {
          address,
          holder: leasedUntilMs > memory.nowMs() ? holder : null,
          nextNonce,
          openTransactions: transactions.filter(each => each.lane === address && isOpen(each)).length,
          draining,
          halted,
          findings: FINDINGS.filter(finding => own.some(key => key.endsWith(` ${finding}`))).sort(),
        }
      })
    },
    async resume(address) {
      const row = laneRows.get(address)
      if (row) row.halted = null
      for (const key of memory.findings) {
        const stayed = STAYING_FINDINGS.some(finding => key.endsWith(` ${finding}`))
        if (key.startsWith(address) && stayed) memory.findings.delete(key)
      }
      return row !== undefined
    },
    async setDraining(address, draining) {
      const row = laneRows.get(address)
      if (row) row.draining = draining
      return row !== undefined
    },
  }

  return { lanes, log, levers }
}

function freshLane(genesisHash: Hex, nowMs: number): LaneRow {
  const lease = { epoch: 0n, holder: null, leasedUntilMs: nowMs }
  return { genesisHash, nextNonce: 0, ...lease, draining: false, halted: null }
}

/**
 * Of one mark, in the order of positions; one with an earlier unfinished operation of its subject waits, unless that one
 * comes too.
 */
function claimable(memory: ChainWriterMemory, type: OperationType, backfill: boolean): StoredOperation[] {
  const blocked = new Set<string>()
  const due: StoredOperation[] = []
  for (const row of [...memory.operations.values()].sort(byPosition)) {
    const isInTheWay = row.backfill !== backfill || !isDue(row, memory.nowMs())
    if (row.state === "claimed" || (row.state === "pending" && isInTheWay)) blocked.add(row.subject)
    else if (row.state === "pending" && row.type === type && !blocked.has(row.subject)) due.push(row)
  }
  return due
}

function isDue(row: StoredOperation, nowMs: number): boolean {
  return row.state === "pending" && (row.notBeforeMs ?? 0) <= nowMs
}

function byPosition(a: StoredOperation, b: StoredOperation): number {
  if (a.position !== b.position) return a.position < b.position ? -1 : 1
  return a.eventId < b.eventId ? -1 : 1
}

function isOpen({ state }: TransactionRow): boolean {
  return state !== "confirmed" && state !== "reverted" && state !== "lost"
}

function isUnsent({ state }: TransactionRow): boolean {
  return state === "reserved" || state === "signed"
}

function attemptOf(row: TransactionRow, hash: Hex): AttemptRow {
  const found = row.attempts.find(attempt => attempt.hash === hash)
  if (!found) throw new Error("no such attempt")
  return found
}

function toClaimed({
  eventId,
  position,
  kind,
  subject,
  word,
  traceparent,
  tries,
}: StoredOperation): ClaimedOperation {
  return { eventId, position, kind, subject, word, traceparent, tries }
}
