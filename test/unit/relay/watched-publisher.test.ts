import { beforeEach, describe, expect, test } from "vitest"
import type { BusFindings } from "../../../src/bus/findings.ts"
import type { EventPublisher } from "../../../src/relay/ports.ts"
import { watchPublisher } from "../../../src/relay/watched-publisher.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { createInMemoryBusFindings } from "../../support/twins/bus-findings.ts"
import {
  createInMemoryEventPublisher,
  type InMemoryEventPublisher,
} from "../../support/twins/event-publisher.ts"
import { createInMemoryBroker } from "../../support/twins/message-broker.ts"

const messages = [{ topic: "t", key: "k", value: "v", headers: {} }]

describe("a watched publisher", () => {
  let nowMs: number
  let findings: BusFindings
  let inner: InMemoryEventPublisher
  let publisher: EventPublisher
  beforeEach(() => {
    nowMs = 1_000_000
    findings = createInMemoryBusFindings(() => nowMs)
    inner = createInMemoryEventPublisher(createInMemoryBroker(1))
    publisher = watch(findings)
  })

  const watch = (kept: BusFindings) =>
    watchPublisher({
      publisher: inner.publisher,
      findings: kept,
      clock: { ...systemClock, nowMs: () => nowMs },
      logger: silentLogger,
    })
  const fail = () => expect(publisher.publish(messages)).rejects.toThrow("reached")

  test("keeps a finding from the second failure on, with the time of the first, until something is sent", async () => {
    inner.failNext(3, "before-writing")
    await fail()
    expect(await findings.list()).toEqual([])
    nowMs += 5_000
    await fail()
    await fail()
    expect(await findings.list()).toEqual([
      { finding: "kafka-unreachable", about: "relay", sinceMs: 1_000_000 },
    ])
    expect(await publisher.publish(messages)).toEqual({ outcome: "acknowledged" })
    expect(await findings.list()).toEqual([])
  })

  test("closes what a process that ended in an outage has left open", async () => {
    await findings.open("kafka-unreachable", "relay")
    await publisher.publish(messages)
    expect(await findings.list()).toEqual([])
  })

  test("sends all the same when the finding cannot be kept", async () => {
    let isAway = true
    const away: BusFindings = {
      ...findings,
      open: async () => Promise.reject(new Error("the database is away")),
      close: (finding, about) =>
        isAway ? Promise.reject(new Error("the database is away")) : findings.close(finding, about),
    }
    publisher = watch(away)
    inner.failNext(2, "before-writing")
    await fail()
    await fail()
    await findings.open("kafka-unreachable", "relay")
    expect(await publisher.publish(messages)).toEqual({ outcome: "acknowledged" })
    isAway = false
    await publisher.publish(messages)
    expect(await findings.list()).toEqual([])
  })
})
