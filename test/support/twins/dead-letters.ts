import type { MalformedMessage } from "../../../src/bus/consume.ts"
import type { DeadLetter, DeadLetters, NewDeadLetter } from "../../../src/dead-letters/ports.ts"

export interface InMemoryDeadLetters {
  readonly deadLetters: DeadLetters
  insert(letter: NewDeadLetter): void
  insertMalformed(source: string, malformed: readonly MalformedMessage[]): void
}

export function createInMemoryDeadLetters(): InMemoryDeadLetters {
  const rows: DeadLetter[] = []

  function insert(letter: NewDeadLetter): void {
    const row = { ...NOTHING, ...letter, id: BigInt(rows.length + 1), createdAtMs: Date.now() }
    if (!rows.some(known => isSame(known, row))) rows.push(row)
  }

  return {
    insert,
    insertMalformed(source, malformed) {
      for (const { message, reason, fields } of malformed) {
        const { topic, partition, offset } = message
        insert({ source, reason, fields, topic, partition, offset })
      }
    },
    deadLetters: {
      list: async ({ limit, after = 0n }) => rows.filter(row => row.id > after).slice(0, limit),
      count: async () => rows.length,
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
  fields: [],
}

function isSame(a: DeadLetter, b: DeadLetter): boolean {
  if (a.source !== b.source) return false
  if (a.eventId !== null && a.eventId === b.eventId) return true
  return a.offset !== null && a.offset === b.offset && a.topic === b.topic && a.partition === b.partition
}
