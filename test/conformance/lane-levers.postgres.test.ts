import { createLaneLevers } from "../../src/adapters/postgres/chain-writer/lane-levers.ts"
import { createLanes } from "../../src/adapters/postgres/chain-writer/lanes.ts"
import { createOperationQueue } from "../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { createTransactionLog } from "../../src/adapters/postgres/chain-writer/transaction-log.ts"
import { createTestDatabase } from "../support/database.ts"
import { laneLeversConformance } from "./lane-levers.ts"

laneLeversConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  return {
    levers: createLaneLevers(sql),
    lanes: createLanes(sql),
    queue: createOperationQueue(sql),
    log: createTransactionLog(sql),
    close: drop,
  }
})
