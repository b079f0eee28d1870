import { describe, expect, test } from "vitest"
import { allTopics, requestTopics, topicOf, topicsWithPrefix } from "../../../src/bus/topics.ts"
import { classifyEvent, eventTypes } from "../../../src/domain/event.ts"

const topics = topicsWithPrefix("hospital")

describe("topics", () => {
  test("give every event type a topic", () => {
    for (const type of eventTypes) expect(allTopics(topics)).toContain(topicOf(topics, type))
  })

  test("keep all requests of a subject in one topic, block-expired events too", () => {
    const ofBlocks = ["block-ip.requested", "unblock-ip.requested", "ip-block.expired"]
    expect(new Set(ofBlocks.map(type => topicOf(topics, type)))).toEqual(new Set([topics["ip-block"]]))
  })

  test("keep requests and results apart", () => {
    for (const type of eventTypes) {
      const isRequest = classifyEvent(type)?.class === "request"
      expect(requestTopics(topics).includes(topicOf(topics, type) ?? "")).toBe(isRequest)
    }
  })

  test("have none for an unknown type", () => {
    expect(topicOf(topics, "teleport-patient.requested")).toBeUndefined()
  })

  test("begin with the prefix, each its own", () => {
    expect(new Set(allTopics(topics)).size).toBe(5)
    expect(allTopics(topics).every(topic => topic.startsWith("hospital."))).toBe(true)
  })
})
