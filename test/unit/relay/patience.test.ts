import { beforeEach, describe, expect, test } from "vitest"
import { createPatience } from "../../../src/relay/patience.ts"
import type { LogNews } from "../../../src/relay/ports.ts"

describe("the relay's patience", () => {
  const { signal } = new AbortController()
  let nowMs: number
  let isQuiet: boolean
  let done: string[]
  const clock = {
    nowMs: () => nowMs,
    sleep: async (ms: number) => {
      done.push(`sleep ${ms}`)
      nowMs += ms
    },
  }
  const news = (canTell: boolean): LogNews => ({
    ask: async ms => {
      done.push(`ask ${ms}`)
      return canTell
    },
    stopAsking: async () => void done.push("stop asking"),
    wait: async ms => {
      done.push(`wait ${ms}`)
      nowMs += ms
    },
  })
  beforeEach(() => {
    nowMs = 1_000_000
    isQuiet = true
    done = []
  })

  async function waits(patience: ReturnType<typeof createPatience>, times: number): Promise<string[]> {
    done = []
    for (let pass = 0; pass < times; pass += 1) await patience.wait(signal)
    return done
  }

  test("looks often for a while after work, and then seldom", async () => {
    const patience = createPatience({ clock, isQuiet: () => isQuiet })
    patience.worked()
    expect(new Set(await waits(patience, 250))).toEqual(new Set(["sleep 1"]))
    expect(await waits(patience, 2)).toEqual(["sleep 1000", "sleep 1000"])
  })

  test("looks again at once after it asked for news, and asks anew before writers stop telling", async () => {
    const patience = createPatience({ clock, isQuiet: () => isQuiet, news: news(true) })
    expect(await waits(patience, 3)).toEqual(["ask 3000", "ask 3000", "wait 2000", "ask 3000", "wait 2000"])
  })

  test("lets writers be while there is work", async () => {
    const patience = createPatience({ clock, isQuiet: () => isQuiet, news: news(true) })
    await waits(patience, 2)
    patience.worked()
    expect(await waits(patience, 2)).toEqual(["stop asking", "sleep 1", "sleep 1"])
  })

  test("does not wait for news of a transaction that is open already: it was not asked to tell", async () => {
    const patience = createPatience({ clock, isQuiet: () => isQuiet, news: news(true) })
    isQuiet = false
    expect(new Set(await waits(patience, 250))).toEqual(new Set(["sleep 1"]))
    expect(await waits(patience, 2)).toEqual(["sleep 20", "sleep 20"])
  })

  test("polls where nobody can tell", async () => {
    const patience = createPatience({ clock, isQuiet: () => isQuiet, news: news(false) })
    expect(await waits(patience, 3)).toEqual(["ask 3000", "sleep 1000", "sleep 1000", "sleep 1000"])
  })
})
