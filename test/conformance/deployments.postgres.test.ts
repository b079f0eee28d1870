import { randomBytes, randomUUID } from "node:crypto"
import { createDeployments } from "../../src/adapters/postgres/chain-writer/deployments.ts"
import { createLanes } from "../../src/adapters/postgres/chain-writer/lanes.ts"
import { createOperationQueue } from "../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { createRebuildPlan } from "../../src/adapters/postgres/chain-writer/rebuild-plan.ts"
import { createTransactionLog } from "../../src/adapters/postgres/chain-writer/transaction-log.ts"
import { createIntake } from "../../src/chain-writer/intake.ts"
import type { Hex, Lane } from "../../src/chain-writer/ports.ts"
import { createTestDatabase } from "../support/database.ts"
import { anyHash, anySubject, batchOf, event } from "../support/event-builders.ts"
import { deploymentsConformance } from "./deployments.ts"

deploymentsConformance("postgres", async () => {
  const { sql, drop } = await createTestDatabase()
  const intake = createIntake({ queue: createOperationQueue(sql), maxPendingOperations: 100 })
  const deployments = createDeployments(sql)

  /** On the chain of what is going on, if anything is. */
  async function lease(address: Hex, rebuild: bigint | null, genesis?: Hex): Promise<Lane | null> {
    const { active, rebuild: running } = await deployments.current()
    const genesisHash = genesis ?? running?.genesisHash ?? active?.genesisHash ?? (anyHash() as Hex)
    const request = { address, holder: randomUUID(), leaseMs: 60_000, genesisHash }
    const outcome = await createLanes(sql, { rebuild }).lease(request)
    return outcome.kind === "leased" ? outcome.lane : null
  }

  return {
    deployments,
    plan: createRebuildPlan(sql),
    async reserves(contract, rebuild) {
      await intake.handle(batchOf([event("register-patient.requested", anySubject())]))
      // Leased as the one who may; what is asked is whether it may reserve.
      const running = (await deployments.current()).rebuild
      const lane = await lease(anyAddress(), running?.id ?? null)
      if (!lane) throw new Error("no lane")
      const claim = { type: "patient", contract, limit: 100, backfillShare: 12, atLeastNonce: 0 } as const
      return (await createTransactionLog(sql, { rebuild }).reserve(lane, claim)) !== null
    },
    leases: async rebuild => (await lease(anyAddress(), rebuild)) !== null,
    async addLane(genesisHash) {
      const address = anyAddress()
      await lease(address, null, genesisHash)
      return address
    },
    close: drop,
  }
})

function anyAddress(): Hex {
  return `0x${randomBytes(20).toString("hex")}`
}
