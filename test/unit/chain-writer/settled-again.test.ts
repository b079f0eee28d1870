import { describe, expect, it } from "vitest"
import { anySubject, event } from "../../support/event-builders.ts"
import { laneScenario } from "../../support/lane-scenario.ts"

const register = () => event("register-patient.requested", anySubject())

/** A lane with so many settled transactions, and a node that from then on says that none of its nonces is used. */
async function forgetfulNode(transactions: number) {
  const scenario = laneScenario({ maxRecords: 1 })
  await scenario.requested(...Array.from({ length: transactions }, register))
  const writer = scenario.newWriter()
  for (let passes = 0; passes < transactions; passes += 1) await scenario.tick(writer)
  const { ledger } = scenario.chain
  const behind = scenario.newWriter({ ledger: { ...ledger, nonce: async () => 0 } })
  await writer.release()
  scenario.later(10_000)
  scenario.chain.broadcasts.splice(0)
  // Something to do, so that the node is asked.
  await scenario.requested(register())
  return { scenario, behind }
}

describe("settled transactions that a node says it does not have", () => {
  it("are sent again a part at a time, and not in every pass", async () => {
    const { scenario, behind } = await forgetfulNode(150)
    for (let passes = 0; passes < 20; passes += 1) await scenario.tick(behind)
    expect(scenario.chain.broadcasts.map(({ nonce }) => nonce)).toEqual(
      Array.from({ length: 64 }, (_, n) => n),
    )
    expect(scenario.findings()).toContain("nonce-behind")
    scenario.later(5_001)
    for (let passes = 0; passes < 20; passes += 1) await scenario.tick(behind)
    expect(scenario.chain.broadcasts).toHaveLength(128)
  })

  it("are all sent at once by a chain that takes them, when a reorganisation took them back", async () => {
    const { scenario } = await forgetfulNode(150)
    scenario.chain.reorganise(150)
    const writer = scenario.newWriter()
    scenario.later(20_000)
    for (let passes = 0; passes < 10; passes += 1) await scenario.tick(writer)
    expect(await scenario.chain.ledger.nonce(scenario.address, 1)).toBeGreaterThanOrEqual(150)
  })
})
