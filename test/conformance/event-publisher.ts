import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { OutgoingMessage, ReceivedMessage } from "../../src/bus/message.ts"
import type { EventPublisher } from "../../src/relay/ports.ts"

export interface EventPublisherHarness {
  readonly publisher: EventPublisher
  readonly topics: readonly [string, string]
  /** All that was written, in order within a partition. */
  written(): Promise<readonly ReceivedMessage[]>
  close(): Promise<void>
}

const MORE_THAN_A_BROKER_TAKES = 2 * 1024 * 1024

/** The promises of the port EventPublisher, kept by every implementation. */
export function eventPublisherConformance(name: string, open: () => Promise<EventPublisherHarness>): void {
  describe(`event publisher: ${name}`, () => {
    let harness: EventPublisherHarness
    beforeEach(async () => {
      harness = await open()
    })
    afterEach(() => harness.close())

    function messages(from: number, count: number): OutgoingMessage[] {
      return Array.from({ length: count }, (_, index) => {
        const number = from + index
        const key = `key-${number % 7}`
        const topic = harness.topics[number % 7 < 4 ? 0 : 1]
        return {
          topic,
          key,
          value: String(number),
          headers: { ce_id: String(number), "content-type": "text/plain" },
        }
      })
    }

    const acknowledged = { outcome: "acknowledged" }
    const valuesOf = (written: readonly ReceivedMessage[], key: string) =>
      written.filter(message => message.key === key).map(message => Number(message.value))

    test("writes every message once, those of a key in order, over many calls", async () => {
      for (let call = 0; call < 20; call += 1) {
        expect(await harness.publisher.publish(messages(call * 25, 25))).toEqual(acknowledged)
      }
      const written = await harness.written()
      expect(written).toHaveLength(500)
      for (let key = 0; key < 7; key += 1) {
        const values = valuesOf(written, `key-${key}`)
        expect(values).toEqual(values.toSorted((left, right) => left - right))
      }
      const [some] = written
      expect(some?.headers).toEqual({ ce_id: some?.value, "content-type": "text/plain" })
    })

    test("puts a key into one partition", async () => {
      await harness.publisher.publish(messages(0, 70))
      const written = await harness.written()
      const places = new Set(written.map(message => `${message.key} ${message.topic}/${message.partition}`))
      expect(places.size).toBe(7)
    })

    test("has nothing to do for no messages", async () => {
      expect(await harness.publisher.publish([])).toEqual(acknowledged)
      expect(await harness.written()).toEqual([])
    })

    test("says that a message is too large, and writes what comes after", async () => {
      const [first, second, third] = messages(0, 3)
      if (!first || !second || !third) throw new Error("too few")
      const huge = { ...second, value: "x".repeat(MORE_THAN_A_BROKER_TAKES) }
      expect(await harness.publisher.publish([first])).toEqual(acknowledged)
      expect(await harness.publisher.publish([huge])).toEqual({
        outcome: "refused",
        reason: "message-too-large",
      })
      expect(await harness.publisher.publish([third])).toEqual(acknowledged)
      expect(await harness.publisher.publish([second])).toEqual(acknowledged)
      const written = await harness.written()
      expect(written.map(message => message.value).sort()).toEqual(
        [first, second, third].map(m => m.value).sort(),
      )
    })

    test("loses nothing that comes after a call of which a part was refused", async () => {
      const others = messages(0, 7)
      const huge = { ...others[0]!, value: "x".repeat(MORE_THAN_A_BROKER_TAKES) }
      for (let call = 1; call <= 3; call += 1) {
        // The other partitions' part of this call may have been written; the next call has the same length there.
        expect(await harness.publisher.publish([huge, ...others.slice(1)])).toMatchObject({
          outcome: "refused",
        })
        expect(await harness.publisher.publish(messages(call * 7, 7))).toEqual(acknowledged)
      }
      const values = new Set((await harness.written()).map(message => Number(message.value)))
      for (let number = 7; number < 28; number += 1) expect(values).toContain(number)
    })
  })
}
