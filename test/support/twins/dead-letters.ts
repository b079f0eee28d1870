import type { MalformedMessage } from "../../../src/bus/consume.ts"
import { knownHeaders, placeOf } from "../../../src/bus/known-headers.ts"
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetters,
  NewDeadLetter,
} from "../../../src/dead-letters/ports.ts"

/** As the table has it: rows change. */
export type StoredLetter = { -readonly [Column in keyof DeadLetter]: DeadLetter[Column] } & {
  announced: string | null
}

export interface InMemoryDeadLetters {
  readonly deadLetters: DeadLetters
  readonly rows: readonly StoredLetter[]
  insert(letter: NewDeadLetter): void
  insertMalformed(
    source: string,
    malformed: readonly MalformedMessage[],
    options?: { readonly blocks?: boolean },
  ): void
}

export function isUnsettled({ state }: Pick<DeadLetter, "state">): boolean {
  return state === "open" || state === "requeued"
}

export function createInMemoryDeadLetters(): InMemoryDeadLetters {
  const rows: StoredLetter[] = []

  function insert(letter: NewDeadLetter): void {
    const atMs = Date.now()
    const fresh = { ...NOTHING, ...letter, id: BigInt(rows.length + 1), createdAtMs: atMs, changedAtMs: atMs }
    const known = rows.find(row => isSame(row, fresh))
    if (!known) rows.push(fresh)
    else if (known.state === "resolved") {
      const { reason, fields, blocksSubject } = fresh
      Object.assign(known, { state: "open", attempts: known.attempts + 1, reason, fields, blocksSubject })
    }
  }

  return {
    rows,
    insert,
    insertMalformed(source, malformed, { blocks = false } = {}) {
      for (const { message, reason, fields } of malformed) {
        const { topic, partition, offset, headers } = message
        const blocksSubject = blocks && placeOf(headers) !== null
        insert({ source, reason, fields, topic, partition, offset, ...knownHeaders(headers), blocksSubject })
      }
    },
    deadLetters: {
      list: async ({ limit, after = 0n, filter = {} }) =>
        rows
          .filter(row => row.id > after && matches(row, filter))
          .slice(0, limit)
          .map(({ announced: _, ...letter }) => letter),
      count: async () => rows.filter(isUnsettled).length,
      async summary() {
        const unsettled = rows.filter(isUnsettled)
        return {
          unsettled: unsettled.length,
          requeued: unsettled.filter(({ state }) => state === "requeued").length,
          blockedSubjects: new Set(
            unsettled.flatMap(({ blocksSubject, subject }) => (blocksSubject ? [subject] : [])),
          ).size,
          oldestMs: unsettled.length === 0 ? null : Math.min(...unsettled.map(row => row.createdAtMs)),
        }
      },
    },
  }
}

const NOTHING = {
  eventId: null,
  position: null,
  type: null,
  subject: null,
  topic: null,
  partition: null,
  offset: null,
  appTable: null,
  appRowId: null,
  fields: [],
  blocksSubject: false,
  state: "open" as const,
  attempts: 1,
  discardedBy: null,
  discardReason: null,
  announced: null,
}

function matches(row: DeadLetter, filter: DeadLetterFilter): boolean {
  const { ids, states, ...exact } = filter
  if (ids && !ids.includes(row.id)) return false
  if (states && !states.includes(row.state)) return false
  return (["source", "reason", "type", "subject"] as const).every(
    column => exact[column] === undefined || exact[column] === row[column],
  )
}

function isSame(a: DeadLetter, b: DeadLetter): boolean {
  if (a.source !== b.source) return false
  if (a.eventId !== null && a.eventId === b.eventId) return true
  return a.offset !== null && a.offset === b.offset && a.topic === b.topic && a.partition === b.partition
}
