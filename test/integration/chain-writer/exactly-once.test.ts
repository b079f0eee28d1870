import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createOperationQueue } from "../../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { CRASH_POINTS } from "../../../src/chain-writer/crash-points.ts"
import { createIntake, toOperation } from "../../../src/chain-writer/intake.ts"
import type { EventRecord } from "../../../src/domain/event.ts"
import { type ChainWriterBench, openChainWriterBench } from "../../support/chain-writer.ts"
import { anySubject, batchOf, blockRequested, event, unblockRequested } from "../../support/event-builders.ts"
import { dieAt, Killed } from "../../support/lane-scenario.ts"
import { readLogAbout } from "../../support/read-log.ts"

describe("exactly once", () => {
  let bench: ChainWriterBench
  const { signal } = new AbortController()
  beforeAll(async () => {
    bench = await openChainWriterBench()
  })
  afterAll(() => bench.close())

  const register = () => event("register-patient.requested", anySubject())

  async function expectOnce(...requests: EventRecord[]): Promise<void> {
    const patients = await bench.timesApplied("patient")
    const blocks = await bench.timesApplied("ip-block")
    for (const request of requests) {
      const operation = toOperation(request)
      if (!operation) throw new Error("not a request")
      expect((operation.type === "patient" ? patients : blocks).get(operation.word)).toBe(1)
      const results = await readLogAbout(bench.database.sql, request.subject)
      expect(results.filter(({ causationId }) => causationId === request.eventId)).toMatchObject([
        { type: `${operation.kind}.confirmed`, traceparent: request.traceparent },
      ])
    }
  }

  it.each(CRASH_POINTS.filter(point => !point.endsWith("-accept")))(
    "when the writer dies at %s and another takes over",
    async point => {
      const key = await bench.chain.newWriter()
      const subject = anySubject()
      const requests = [register(), register(), blockRequested(subject, 600), unblockRequested(subject)]
      await bench.requested(...requests)
      const dying = bench.newWriter(key, { crashPoint: dieAt(point), maxRecords: 1 })
      await expect(bench.finish(dying)).rejects.toThrow(Killed)
      await bench.finish(bench.newWriter(key))
      await expectOnce(...requests)
    },
  )

  it.each(["before-accept", "after-accept"] as const)(
    "when intake dies at %s and the batch comes again",
    async point => {
      const requests = [register(), register()]
      const queue = createOperationQueue(bench.database.sql)
      const dying = createIntake({ queue, maxPendingOperations: 10, crashPoint: dieAt(point) })
      await expect(dying.handle(batchOf(requests))).rejects.toThrow(Killed)
      await bench.requested(...requests)
      await bench.finish(bench.newWriter(await bench.chain.newWriter()))
      await expectOnce(...requests)
    },
  )

  it("when the same message comes twice, before and after it is on the chain", async () => {
    const requests = [register(), register()]
    const writer = bench.newWriter(await bench.chain.newWriter())
    await bench.requested(...requests)
    await bench.requested(...requests)
    await bench.finish(writer)
    await bench.requested(...requests)
    await bench.finish(writer)
    await expectOnce(...requests)
  })

  it("when two lanes share the work, each subject in its order", async () => {
    const subjects = Array.from({ length: 20 }, anySubject)
    const blocks = subjects.map(subject => blockRequested(subject, 600))
    const unblocks = subjects.map(unblockRequested)
    await bench.requested(...blocks, ...unblocks)
    const keys = [await bench.chain.newWriter(), await bench.chain.newWriter()]
    const writers = keys.map(key => bench.newWriter(key, { maxRecords: 3 }))
    await Promise.all(writers.map(writer => bench.finish(writer)))
    await expectOnce(...blocks, ...unblocks)
  })

  it("when two processes want one lane", async () => {
    const key = await bench.chain.newWriter()
    const requests = Array.from({ length: 30 }, register)
    await bench.requested(...requests)
    const writers = [bench.newWriter(key, { maxRecords: 4 }), bench.newWriter(key, { maxRecords: 4 })]
    await Promise.all(writers.map(writer => bench.finish(writer)))
    await expectOnce(...requests)
    await Promise.all(writers.map(writer => writer.tick(signal)))
  })
})
