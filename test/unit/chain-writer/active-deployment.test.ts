import { randomBytes } from "node:crypto"
import { describe, expect, it } from "vitest"
import { assertActive, whileActive } from "../../../src/chain-writer/active-deployment.ts"
import type { Contracts } from "../../../src/chain-writer/deployment-ports.ts"
import type { Hex, Registry } from "../../../src/chain-writer/ports.ts"
import { anyHash } from "../../support/event-builders.ts"
import { createInMemoryDeployments } from "../../support/twins/deployments.ts"

describe("the contracts that a process was started with", () => {
  const genesisHash = anyHash() as Hex
  const [old, fresh] = [anyContracts(), anyContracts()]

  it("are refused when the database has others, and the message has the settings to make", async () => {
    const { deployments } = createInMemoryDeployments()
    await assertActive(deployments, { genesisHash, contracts: old })
    await assertActive(deployments, { genesisHash, contracts: old })
    await expect(assertActive(deployments, { genesisHash, contracts: fresh })).rejects.toMatchObject({
      exitCode: 78,
      message: expect.stringContaining(`BLOCKED_IP_REGISTRY_ADDRESS=${old["ip-block"]}`),
    })
  })

  it("are an obstacle from the moment they are replaced", async () => {
    const { deployments } = createInMemoryDeployments()
    await deployments.adopt({ genesisHash, contracts: old })
    const registry: Registry = {
      type: "patient",
      address: old.patient,
      obstacle: async () => "paused",
      words: async () => [],
      wordsAt: async () => [],
      head: async () => null,
    }
    const guarded = whileActive(registry, deployments)
    expect(await guarded.obstacle("0x")).toBe("paused")
    const begun = await deployments.begin({ genesisHash, leaveChain: false })
    if (begun.kind === "other-chain") throw new Error(begun.kind)
    await deployments.setContracts(begun.rebuild.id, fresh)
    expect(await guarded.obstacle("0x")).toBe("paused")
    await deployments.activate(begun.rebuild.id)
    expect(await guarded.obstacle("0x")).toBe("contracts-replaced")
  })
})

function anyContracts(): Contracts {
  const address = (): Hex => `0x${randomBytes(20).toString("hex")}`
  return { patient: address(), "ip-block": address(), "attack-signature": address() }
}
