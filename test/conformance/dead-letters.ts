import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { MalformedMessage } from "../../src/bus/consume.ts"
import type { DeadLetters, NewDeadLetter } from "../../src/dead-letters/ports.ts"
import { anyPosition, anySubject } from "../support/event-builders.ts"

export interface DeadLettersHarness {
  readonly deadLetters: DeadLetters
  insert(letter: NewDeadLetter): Promise<void>
  insertMalformed(source: string, malformed: readonly MalformedMessage[]): Promise<void>
  close(): Promise<void>
}

/** What any DeadLetters must do, and what setting aside must. */
export function deadLettersConformance(name: string, create: () => Promise<DeadLettersHarness>): void {
  describe(`dead letters: ${name}`, () => {
    let harness: DeadLettersHarness

    beforeAll(async () => {
      harness = await create()
    })
    afterAll(() => harness.close())

    const from = async (source: string) =>
      (await harness.deadLetters.list({ limit: 1000 })).filter(letter => letter.source === source)
    const letter = (source: string): NewDeadLetter => ({
      source,
      reason: "message-too-large",
      eventId: randomUUID(),
      position: anyPosition(),
      type: "block-ip.requested",
      subject: anySubject(),
    })

    it("gives back what was set aside", async () => {
      const aside = letter("relay-1")
      await harness.insert(aside)
      expect(await from("relay-1")).toMatchObject([{ ...aside, topic: null, offset: null, fields: [] }])
    })

    it("sets an event aside once a source, and again for another", async () => {
      const aside = letter("relay-2")
      await harness.insert(aside)
      await harness.insert(aside)
      await harness.insert({ ...aside, source: "intake-2" })
      expect([await from("relay-2"), await from("intake-2")].map(letters => letters.length)).toEqual([1, 1])
    })

    it("sets a message aside once, however often it is delivered", async () => {
      const malformed = [messageAt(3n), messageAt(4n)]
      await harness.insertMalformed("intake-3", malformed)
      await harness.insertMalformed("intake-3", malformed)
      expect(
        (await from("intake-3")).map(({ offset, partition, fields }) => ({ offset, partition, fields })),
      ).toEqual([
        { offset: 3n, partition: 2, fields: ["expiresAt"] },
        { offset: 4n, partition: 2, fields: ["expiresAt"] },
      ])
    })

    it("gives pages in order, none twice and none left out, and counts", async () => {
      const before = await harness.deadLetters.count()
      for (let count = 0; count < 5; count += 1) await harness.insert(letter("relay-4"))
      expect(await harness.deadLetters.count()).toBe(before + 5)
      const pages: bigint[][] = []
      for (let after = 0n; ; after = pages.at(-1)!.at(-1)!) {
        const page = await harness.deadLetters.list({ limit: 2, after })
        if (page.length === 0) break
        pages.push(page.map(({ id }) => id))
      }
      const ids = pages.flat()
      expect(ids).toEqual((await harness.deadLetters.list({ limit: 1000 })).map(({ id }) => id))
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => (a < b ? -1 : 1)))
    })
  })
}

function messageAt(offset: bigint): MalformedMessage {
  const message = { key: "key", value: "{", headers: {}, topic: "topic", partition: 2, offset }
  return { message, reason: "bad-json", fields: ["expiresAt"] }
}
