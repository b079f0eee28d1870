import type { Position } from "../../../src/domain/position.ts"
import type { ArchivableLog, Archive, Holder, Partition } from "../../../src/outbox/archive-ports.ts"
import { OperatorError } from "../../../src/runtime/errors.ts"
import { collectLines } from "../collect-lines.ts"

type Bounds = Pick<Partition, "name" | "from" | "to">

interface Day extends Bounds {
  attached: boolean
  restored: boolean
  readonly lines: Map<Position, string>
}

export interface InMemoryArchivableLog {
  readonly log: ArchivableLog
  addDay(day: Bounds): void
  /** Into its day, attached or not. */
  insert(position: Position): void
  passRelay(position: Position): void
  /** Who has open work from an event at this position on; nobody when `stages` is empty. */
  setOpen(position: Position, stages: readonly ("chain-writer" | "projector")[]): void
  /** While someone else holds the log, nothing is attached or detached. */
  hold(): Promise<() => Promise<void>>
}

export function createInMemoryArchivableLog(): InMemoryArchivableLog {
  const days = new Map<string, Day>()
  const archives = new Map<string, Archive>()
  const open = new Map<Position, readonly Holder[]>()
  let relay: Position = -1n
  let held = 0

  function holders({ to }: Partition): readonly Holder[] {
    const early = [...open].filter(([position]) => position < to).flatMap(([, stages]) => stages)
    const stages = (["chain-writer", "projector"] as const).filter(stage => early.includes(stage))
    return relay < to ? ["relay", ...stages] : stages
  }

  async function restore(
    archive: Archive,
    lines: AsyncIterable<readonly string[]>,
  ): Promise<"restored" | "busy"> {
    const { partition: name, from, to } = archive
    if (days.has(name)) throw new OperatorError(`${name} is in the log already: nothing to restore.`, 1)
    const back = new Map<Position, string>()
    for (const line of await collectLines(lines)) {
      const { seq } = JSON.parse(line) as { seq: string }
      back.set(BigInt(seq), line)
    }
    if (back.size !== archive.rows) throw new Error(`${archive.file} gave ${back.size} events`)
    if (held > 0) return "busy"
    days.set(name, { name, from, to, attached: true, restored: true, lines: back })
    archives.set(name, archive)
    return "restored"
  }

  const log: ArchivableLog = {
    partitions: async () => [...days.values()].map(partitionOf).sort((a, b) => (a.from < b.from ? -1 : 1)),
    holders: async partition => holders(partition),
    async *lines(name) {
      const lines = [...(days.get(name)?.lines ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
      for (const [, line] of lines) yield [line]
    },
    archiveOf: async name => archives.get(name) ?? null,
    record: async archive => void archives.set(archive.partition, archive),
    async detach(name) {
      const day = days.get(name)
      if (!day?.attached) return "detached"
      if (held > 0) return "busy"
      day.attached = false
      return "detached"
    },
    async drop({ partition, rows }) {
      const day = days.get(partition)
      if (day && day.lines.size !== rows) return "changed"
      days.delete(partition)
      return "dropped"
    },
    restore,
  }

  return {
    log,
    addDay: day => void days.set(day.name, { ...day, attached: true, restored: false, lines: new Map() }),
    insert(position) {
      const day = [...days.values()].find(({ from, to }) => position >= from && position < to)
      if (!day) throw new Error("no day has this position")
      day.lines.set(position, JSON.stringify({ seq: position.toString() }))
    },
    passRelay(position) {
      relay = position
    },
    setOpen: (position, stages) => void open.set(position, stages),
    async hold() {
      held += 1
      return async () => {
        held -= 1
      }
    },
  }
}

function partitionOf({ lines, ...day }: Day): Partition {
  return { ...day, bytes: [...lines.values()].join("\n").length }
}
