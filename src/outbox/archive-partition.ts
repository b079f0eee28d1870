import type { Clock } from "../runtime/clock.ts"
import type {
  ArchivableLog,
  Archive,
  ArchiveFiles,
  ConsumerProgress,
  GroupEnd,
  Holder,
  Partition,
} from "./archive-ports.ts"

export type Archived =
  | { readonly outcome: "archived"; readonly archive: Archive }
  /** Someone held the log: the file is written, the partition still there. Try again. */
  | { readonly outcome: "busy" }
  | { readonly outcome: "held"; readonly by: readonly Holder[] }

export interface PartitionArchiver {
  /**
   * Takes one partition out of the log: writes its file, reads that back, records it, and only then detaches and
   * drops. May be killed anywhere and done again, also by two processes at once: what is done already is found done.
   */
  archive(partition: Partition, signal: AbortSignal): Promise<Archived>
  /** Who still needs the partition. */
  holders(partition: Partition): Promise<readonly Holder[]>
}

export interface PartitionArchiverOptions {
  readonly log: ArchivableLog
  readonly files: ArchiveFiles
  readonly consumers: ConsumerProgress
  readonly clock: Clock
}

/** Each try holds up inserts for 50 ms at most; between two there is time for what has piled up. */
const DETACH_TRIES = 20
const BETWEEN_TRIES_MS = 250
const DROP_TRIES = 3

export function createPartitionArchiver(options: PartitionArchiverOptions): PartitionArchiver {
  const { log, files, consumers, clock } = options
  /** By partition: the ends when its last result was in. A group that reaches them has handled all that concerns it. */
  const marks = new Map<string, readonly GroupEnd[]>()

  async function holders(partition: Partition): Promise<readonly Holder[]> {
    const by = await log.holders(partition)
    if (by.length > 0) return by
    const mark = marks.get(partition.name) ?? (await consumers.ends())
    marks.set(partition.name, mark)
    return (await consumers.behind(mark)).length > 0 ? ["consumers"] : []
  }

  async function write(partition: Partition): Promise<Archive> {
    const written = await files.write(partition, log.lines(partition.name))
    const found = await files.inspect(written.file)
    if (found.sha256 !== written.sha256 || found.rows !== written.rows) {
      throw new Error(`${written.file} is not as it was written: is the disk sound?`)
    }
    await log.record(written)
    return written
  }

  /** The recorded archive, if its file is still there and is still the same. */
  async function written(partition: string): Promise<Archive | null> {
    const archive = await log.archiveOf(partition)
    if (archive === null) return null
    const found = await files.inspect(archive.file).catch(() => null)
    return found?.sha256 === archive.sha256 ? archive : null
  }

  async function detach(name: string, signal: AbortSignal): Promise<boolean> {
    for (let tries = 0; tries < DETACH_TRIES && !signal.aborted; tries += 1) {
      if ((await log.detach(name)) === "detached") return true
      await clock.sleep(BETWEEN_TRIES_MS, signal)
    }
    return false
  }

  return {
    holders,
    async archive(partition, signal) {
      if (partition.attached) {
        const by = await holders(partition)
        if (by.length > 0) return { outcome: "held", by }
      }
      let archive = (await written(partition.name)) ?? (await write(partition))
      if (partition.attached && !(await detach(partition.name, signal))) return { outcome: "busy" }
      for (let tries = 0; (await log.drop(archive)) === "changed"; tries += 1) {
        if (tries === DROP_TRIES) throw new Error(`${partition.name} changes while nothing can write to it`)
        // Rows came between the file and the detach, straight into the partition; none can come now.
        archive = await write(partition)
      }
      marks.delete(partition.name)
      return { outcome: "archived", archive }
    },
  }
}
