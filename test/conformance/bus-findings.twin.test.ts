import { createInMemoryBusFindings } from "../support/twins/bus-findings.ts"
import { busFindingsConformance } from "./bus-findings.ts"

busFindingsConformance("in memory", async () => ({
  findings: createInMemoryBusFindings(),
  close: async () => undefined,
}))
