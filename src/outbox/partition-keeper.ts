import type { Stage } from "../runtime/ticker.ts"
import type { PartitionLog } from "./ports.ts"

/**
 * Keeps the log's partitions made ahead. A busy log is left for the next pass: days of lead are there to be used, and
 * until then the default partition takes the rows.
 */
export function createPartitionKeeper(options: {
  readonly log: PartitionLog
  readonly daysAhead: number
}): Stage {
  return {
    name: "partition-keeper",
    async tick() {
      const result = await options.log.ensurePartitions(options.daysAhead)
      return result.outcome === "ensured" ? result.made : 0
    },
  }
}
