import { expect, it } from "vitest"
import { anySubject, event } from "../../support/event-builders.ts"
import { laneScenario } from "../../support/lane-scenario.ts"

const register = () => event("register-patient.requested", anySubject())

it("a deep reorganisation that is over before it is noticed is not hidden by what is confirmed after it", async () => {
  const scenario = laneScenario()
  const [first] = await scenario.requested(register())
  const writer = scenario.newWriter()
  await scenario.work(writer)
  const told = scenario.memory.events[0]?.payload.blockHash
  scenario.chain.reorganise(1)
  const [second] = await scenario.requested(register())
  // No time passes, so nobody looks: the node takes the old bytes again, and the new ones after them.
  for (let passes = 0; passes < 10; passes += 1) await scenario.tick(writer)
  expect([first, second].map(each => each && scenario.timesApplied(each))).toEqual([1, 1])
  expect(second && scenario.stateOf(second)).toBe("included")
  await scenario.workAwhile(writer)
  expect(scenario.findings()).toEqual(["reorg-too-deep"])
  expect(second && scenario.stateOf(second)).toBe("final")
  const [before] = await scenario.store.log.confirmed({ address: scenario.address, epoch: 1n }, 1, 1)
  expect(before?.inclusion.blockHash).not.toBe(told)
})
