import { describe, expect, it } from "vitest"
import { createProgress } from "../../../src/runtime/progress.ts"

describe("what a process knows of its own progress", () => {
  function start() {
    let nowMs = 0
    const progress = createProgress({ nowMs: () => nowMs })
    const only = () => progress.stages()[0]
    return { progress, only, pass: (ms: number) => (nowMs += ms) }
  }

  it("counts passes, and those that failed; a good one ends the failing", async () => {
    const { progress, only } = start()
    expect(await progress.during("relay", async () => 7)).toBe(7)
    await expect(progress.during("relay", () => Promise.reject(new Error("away")))).rejects.toThrow("away")
    expect(only()).toMatchObject({ stage: "relay", passes: 2, failedPasses: 1, failing: true, stuck: false })
    await progress.during("relay", async () => 0)
    expect(only()).toMatchObject({ passes: 3, failedPasses: 1, failing: false, inHandMs: null })
  })

  it("calls a pass stuck that takes longer than it may, and no other", async () => {
    const { progress, only, pass } = start()
    const end = Promise.withResolvers<number>()
    const running = progress.during("relay", () => end.promise, 1_000)
    pass(1_000)
    expect(only()).toMatchObject({ inHandMs: 1_000, stuck: false })
    pass(1)
    // Another partition's pass that ends meanwhile is no sign of this one's.
    await progress.during("relay", async () => 0)
    expect(only()).toMatchObject({ inHandMs: 1_001, stuck: true })
    end.resolve(0)
    await running
    expect(only()).toMatchObject({ inHandMs: null, stuck: false })
  })

  it("does not call a stage stuck that waits for work", async () => {
    const { progress, only, pass } = start()
    await progress.during("relay", async () => 0)
    pass(86_400_000)
    expect(only()).toMatchObject({ stuck: false })
  })
})
