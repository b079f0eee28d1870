import { randomBytes } from "node:crypto"
import type { Hex } from "../../src/chain-writer/ports.ts"
import { createInMemoryDeployments } from "../support/twins/deployments.ts"
import { deploymentsConformance } from "./deployments.ts"

deploymentsConformance("in memory", async () => {
  const twin = createInMemoryDeployments()
  return {
    ...twin,
    reserves: async (contract, rebuild) => twin.mayReserve(contract, rebuild),
    leases: async rebuild => twin.mayLease(rebuild),
    async addLane(genesisHash) {
      const lane: Hex = `0x${randomBytes(20).toString("hex")}`
      twin.addLane(lane, genesisHash)
      return lane
    },
    close: async () => {},
  }
})
