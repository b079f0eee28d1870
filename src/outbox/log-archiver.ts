import { positionTimeMs } from "../domain/position.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Stage } from "../runtime/ticker.ts"
import { createPartitionArchiver, type PartitionArchiverOptions } from "./archive-partition.ts"
import type { Partition } from "./archive-ports.ts"

const DAY_MS = 86_400_000
/** A large day is read, packed, written and read back in one pass. */
const LONGEST_PASS_MS = 6 * 3_600_000

/** Which partitions are old enough to leave the log, oldest first. `retentionDays` counts whole days after their own. */
export function oldEnough(
  partitions: readonly Partition[],
  retentionDays: number,
  nowMs: number,
): readonly Partition[] {
  return partitions.filter(
    ({ to, restored }) => !restored && positionTimeMs(to) + retentionDays * DAY_MS <= nowMs,
  )
}

/**
 * Takes days out of the log that are older than the retention. One a pass, the oldest first; a day that somebody may
 * still need stays, and so does every later one: nobody can have passed those.
 */
export function createLogArchiver(
  options: PartitionArchiverOptions & { readonly logger: Logger; readonly retentionDays: number },
): Stage {
  const { log, clock, logger, retentionDays } = options
  const archiver = createPartitionArchiver(options)
  return {
    name: "log-archiver",
    longestPassMs: LONGEST_PASS_MS,
    async tick(signal) {
      const [oldest] = oldEnough(await log.partitions(), retentionDays, clock.nowMs())
      if (!oldest) return 0
      const result = await archiver.archive(oldest, signal)
      switch (result.outcome) {
        case "archived": {
          const { partition, file, rows, sha256 } = result.archive
          logger.info({ partition, file, rows, sha256 }, "archived and dropped a day of the log")
          return 1
        }
        case "held":
          logger.warn({ partition: oldest.name, by: result.by }, "a day of the log is still needed; kept")
          return 0
        case "busy":
          logger.warn({ partition: oldest.name }, "the log is held by a long transaction; detached later")
          return 0
      }
    },
  }
}
