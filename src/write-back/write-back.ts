import type { ConsumerOptions } from "../bus/run-consumer.ts"
import type { Topics } from "../bus/topics.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Stage } from "../runtime/ticker.ts"
import type { AppTables } from "./ports.ts"

export interface WriteBack {
  /** Remembers what results mean for the app's tables. */
  readonly consumer: Pick<ConsumerOptions, "groupId" | "topics" | "offsets" | "handle">
  /** Writes it there, a batch a pass. */
  readonly settle: Stage
}

export function createWriteBack(options: {
  readonly appTables: AppTables
  readonly topics: Topics
  readonly groupId: string
  /** Results a pass. */
  readonly batchSize: number
}): WriteBack {
  const { appTables, topics, groupId, batchSize } = options
  return {
    consumer: {
      groupId,
      topics: [topics.results],
      offsets: appTables,
      handle: batch => appTables.apply(batch),
    },
    settle: {
      name: "write-back",
      tick: async () => (await appTables.settle(batchSize)).settled,
    },
  }
}

/**
 * Whether there is anything to write back into. To be asked before the consumer starts: its group then has no offset
 * yet, so tables that come later are told everything from the beginning.
 */
export async function canWriteBack(appTables: AppTables, logger: Logger): Promise<boolean> {
  const missing = await appTables.missingTables()
  if (missing.length === 0) return true
  logger.warn({ missing }, "write-back is off: the app's tables are not in this database")
  return false
}
