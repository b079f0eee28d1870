import { type EventRecord, IP_BLOCK_REMOVED } from "../../../src/domain/event.ts"
import { decideFlag, decideRemoval, type FoundRow } from "../../../src/write-back/decide.ts"
import type { AppTables } from "../../../src/write-back/ports.ts"
import { type AppTable, endedBlock, type Work, workOf } from "../../../src/write-back/work.ts"
import { event } from "../event-builders.ts"
import { createInMemoryDeadLetters } from "./dead-letters.ts"
import { createInMemoryOffsets } from "./offsets.ts"

export interface AppRow {
  readonly table: AppTable
  readonly subject: string
  newest: bigint
  manual: boolean
  expiresAtMs: number | null
  flag: boolean
  hash: string
  heldByApp: boolean
}

export interface InMemoryAppTables {
  readonly appTables: AppTables
  readonly deadLetters: ReturnType<typeof createInMemoryDeadLetters>["deadLetters"]
  /** The app's rows by subject: a test adds, changes and deletes them as the app would. */
  readonly rows: Map<string, AppRow>
  /** The log: a test puts requests in, the twin its removals. */
  readonly log: EventRecord[]
}

interface Pending {
  readonly work: Work
  readonly blockVersion: bigint
  dueAtMs: number
  done: boolean
}

export function createInMemoryAppTables(nowMs: () => number): InMemoryAppTables {
  const rows = new Map<string, AppRow>()
  const log: EventRecord[] = []
  const pending: Pending[] = []
  const offsets = createInMemoryOffsets()
  const letters = createInMemoryDeadLetters()

  function remember(work: Work): void {
    const { operationPosition, operationId: eventId, subject } = work
    if (work.action === "flag") {
      const known = pending.some(other => other.work.operationPosition === operationPosition)
      if (!known) pending.push({ work, blockVersion: 0n, dueAtMs: nowMs(), done: false })
      return
    }
    const request = log.find(({ position }) => position === operationPosition)
    if (!request) {
      const reason = "request-not-in-log"
      letters.insert({ source: "write-back", reason, eventId, position: operationPosition, subject })
      return
    }
    const block = endedBlock(request)
    if (!block || pending.some(other => other.blockVersion === block.version)) return
    const dueAtMs = Math.max(nowMs(), block.expiresAt * 1000)
    pending.push({ work, blockVersion: block.version, dueAtMs, done: false })
  }

  function found(work: Work): FoundRow {
    const row = rows.get(work.subject)
    if (!row || row.table !== work.table) return { state: "absent" }
    if (row.heldByApp) return { state: "locked" }
    const expiresInMs = row.expiresAtMs === null ? null : row.expiresAtMs - nowMs()
    return { state: "here", newest: row.newest, manual: row.manual, expiresInMs }
  }

  function settleOne(item: Pending): boolean {
    const { work, blockVersion } = item
    const remove = work.action === "remove"
    const decision = remove
      ? decideRemoval(blockVersion, found(work))
      : decideFlag(work.operationPosition, found(work))
    if (decision.do === "wait") {
      item.dueAtMs = nowMs() + decision.ms
      return false
    }
    const row = rows.get(work.subject)
    if (decision.do === "set-flag" && row) Object.assign(row, { flag: true, hash: work.transactionHash })
    if (decision.do === "delete") rows.delete(work.subject)
    item.done = true
    if (remove) {
      const payload = { blockVersion: blockVersion.toString(), rows: decision.do === "delete" ? 1 : 0 }
      log.push({ ...event(IP_BLOCK_REMOVED, work.subject, payload), causationId: work.operationId })
    }
    return true
  }

  return {
    rows,
    log,
    deadLetters: letters.deadLetters,
    appTables: {
      missingTables: async () => [],
      storedOffset: offsets.storedOffset,
      async apply(batch) {
        if (!offsets.move(batch)) return { outcome: "moved" }
        for (const told of batch.events) {
          const work = workOf(told)
          if (work) remember(work)
        }
        letters.insertMalformed("write-back", batch.malformed)
        return { outcome: "stored" }
      },
      async settle(limit) {
        const due = pending.filter(item => !item.done && item.dueAtMs <= nowMs()).slice(0, limit)
        const settled = due.map(settleOne).filter(Boolean).length
        return { settled, waiting: due.length - settled }
      },
    },
  }
}
