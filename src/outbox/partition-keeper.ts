import type { Logger } from "../runtime/logger.ts"
import type { Stage } from "../runtime/ticker.ts"
import type { PartitionLog } from "./ports.ts"

/** Copying what weeks without a keeper left takes minutes. */
const LONGEST_PASS_MS = 6 * 3_600_000

/**
 * Keeps the log's partitions made ahead. A busy log is left for the next pass: days of lead are there to be used, and
 * until then the default partition takes the rows. What it took is moved to its day in the same pass.
 */
export function createPartitionKeeper(options: {
  readonly log: PartitionLog
  readonly daysAhead: number
  readonly logger: Logger
}): Stage {
  const { log, daysAhead, logger } = options
  return {
    name: "partition-keeper",
    longestPassMs: LONGEST_PASS_MS,
    async tick(signal) {
      const ensured = await log.ensurePartitions(daysAhead)
      const sorted = await log.sortStrays(signal)
      const made = ensured.outcome === "ensured" ? ensured.made : 0
      if (sorted.outcome === "busy" || sorted.moved === 0) return made
      const { moved, days } = sorted
      logger.info({ moved, days }, "moved events from the default partition to their days")
      return made + days
    },
  }
}
