import { createLaneLevers } from "../../src/adapters/postgres/chain-writer/lane-levers.ts"
import { createLanes } from "../../src/adapters/postgres/chain-writer/lanes.ts"
import { readChainWriterStatus } from "../../src/adapters/postgres/chain-writer/status.ts"
import { createTestDatabase } from "../support/database.ts"
import { lanesConformance } from "./lanes.ts"

lanesConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  return {
    lanes: createLanes(sql),
    levers: createLaneLevers(sql),
    async findings() {
      const { findings } = await readChainWriterStatus(sql)
      return findings.map(({ lane, type, finding }) => `${lane} ${type ?? ""} ${finding}`)
    },
    close: drop,
  }
})
