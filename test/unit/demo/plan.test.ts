import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { makePlan, type Plan } from "../../../src/demo/plan/plan.ts"
import { BROKEN_FAULTS, countsAsOperation, REFUSED_FAULTS } from "../../../src/demo/plan/story.ts"
import { FEWEST_OPERATIONS, templates } from "../../../src/demo/plan/templates.ts"
import { identifierOf } from "../../../src/demo/plan/things.ts"

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const sizes = fc.integer({ min: FEWEST_OPERATIONS, max: 600 })

const steps = (plan: Plan) => plan.writers.flat()

describe("the plan of a day", () => {
  it("is the same for the same seed and another for another", () => {
    const plan = makePlan({ seed: 4711, operations: 300, writers: 6 })
    expect(makePlan({ seed: 4711, operations: 300, writers: 6 })).toEqual(plan)
    expect(makePlan({ seed: 4712, operations: 300, writers: 6 })).not.toEqual(plan)
  })

  it("has exactly the operations asked for, and every kind of story, at any size and seed", () => {
    fc.assert(
      fc.property(seeds, sizes, (seed, operations) => {
        const plan = makePlan({ seed, operations, writers: 6 })
        expect(steps(plan).filter(countsAsOperation)).toHaveLength(operations)
        expect(new Set(plan.stories.map(({ template }) => template))).toEqual(
          new Set(templates.map(({ name }) => name)),
        )
      }),
    )
  })

  it("leaves no way of being refused or broken out at its smallest", () => {
    const acts = steps(makePlan({ seed: 1, operations: FEWEST_OPERATIONS, writers: 6 })).map(({ act }) => act)
    const faults = acts.flatMap(act => ("fault" in act ? [`${act.name} ${act.fault}`] : []))
    const all = [
      ...REFUSED_FAULTS.map(fault => `refused ${fault}`),
      ...BROKEN_FAULTS.map(fault => `broken ${fault}`),
    ]
    expect(new Set(faults)).toEqual(new Set(all))
    expect(FEWEST_OPERATIONS).toBeLessThanOrEqual(40)
  })

  it("gives each subject to one writer and keeps its steps in order", () => {
    fc.assert(
      fc.property(seeds, sizes, (seed, operations) => {
        const plan = makePlan({ seed, operations, writers: 6 })
        for (const story of plan.stories) {
          const done = plan.writers.map(writer => writer.filter(step => step.story === story))
          const [only, ...others] = done.filter(found => found.length > 0)
          expect(others).toEqual([])
          expect(only?.map(({ act }) => act)).toEqual(story.steps.map(({ act }) => act))
        }
      }),
    )
  })

  it("names no subject twice, at the largest size too", () => {
    const { stories } = makePlan({ seed: 9, operations: 20_000, writers: 6 })
    const names = stories.map(({ identity }) => `${identity.thing} ${identifierOf(identity)}`)
    expect(new Set(names).size).toBe(names.length)
  })

  it("is refused with exit code 64 where the kinds do not fit", () => {
    expect(() => makePlan({ seed: 1, operations: FEWEST_OPERATIONS - 1, writers: 6 })).toThrow(
      expect.objectContaining({ exitCode: 64, message: expect.stringContaining(`${FEWEST_OPERATIONS}`) }),
    )
  })

  it("is a hospital's: near half patients, a quarter automatic blocks", () => {
    const all = steps(makePlan({ seed: 5, operations: 5_000, writers: 6 })).filter(countsAsOperation)
    const share = (name: string) => all.filter(({ act }) => act.name === name).length / all.length
    expect(share("register-patient")).toBeGreaterThan(0.38)
    expect(share("register-patient")).toBeLessThan(0.52)
    expect(share("block")).toBeGreaterThan(0.2)
    expect(share("block")).toBeLessThan(0.4)
  })
})
