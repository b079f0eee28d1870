import { createInMemoryPartitionLog } from "../support/twins/partition-log.ts"
import { partitionLogConformance } from "./partition-log.ts"

partitionLogConformance("in memory", async () => ({
  ...createInMemoryPartitionLog(() => Date.UTC(2026, 0, 15, 12)),
  close: async () => {},
}))
