import { createBusFindings } from "../../src/adapters/postgres/bus/findings.ts"
import { createTestDatabase } from "../support/database.ts"
import { busFindingsConformance } from "./bus-findings.ts"

busFindingsConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  return { findings: createBusFindings(sql), close: drop }
})
