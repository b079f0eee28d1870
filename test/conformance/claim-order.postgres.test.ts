import { afterAll, beforeAll } from "vitest"
import { createLanes } from "../../src/adapters/postgres/chain-writer/lanes.ts"
import { createOperationQueue } from "../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { createTransactionLog } from "../../src/adapters/postgres/chain-writer/transaction-log.ts"
import { createTestDatabase, type TestDatabase } from "../support/database.ts"
import { readLogAbout } from "../support/read-log.ts"
import { claimOrderConformance } from "./claim-order.ts"

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

claimOrderConformance("postgres", async () => {
  const { sql } = database
  return {
    queue: createOperationQueue(sql),
    lanes: createLanes(sql),
    log: createTransactionLog(sql),
    appended: subject => readLogAbout(sql, subject),
    async isRaisedAbove(version) {
      const [row] = await sql`select last_value > ${version} as above from reconciler.outbox_position`
      return row?.above === true
    },
    async close() {
      // A claim takes what any test left pending.
      await sql`truncate reconciler.chain_attempts, reconciler.chain_transaction_operations,
        reconciler.chain_transactions, reconciler.chain_operations, reconciler.chain_findings,
        reconciler.chain_lanes`
    },
  }
})
