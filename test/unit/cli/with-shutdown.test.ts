import { pino } from "pino"
import { describe, expect, it } from "vitest"
import { withShutdown } from "../../../src/cli/service.ts"
import { textStream } from "../../support/text-stream.ts"

describe("withShutdown", () => {
  it("tells what could not be closed without stacks, and lets the real fault through", async () => {
    const log = textStream()
    const work = withShutdown(pino(log.stream), async shutdown => {
      shutdown.add("relay lease", () => {
        throw new Error("connect ECONNREFUSED")
      })
      throw new Error("the database is gone")
    })
    await expect(work).rejects.toThrow("the database is gone")
    expect(log.text()).toContain("could not close relay lease: connect ECONNREFUSED")
    expect(log.text()).not.toContain("    at ")
  })
})
