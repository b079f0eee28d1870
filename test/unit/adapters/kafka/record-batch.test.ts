import { crc32c, Reader, readRecordsBatch } from "@platformatic/kafka"
import fc from "fast-check"
import { expect, it } from "vitest"
import { createByteWriter } from "../../../../src/adapters/kafka/platformatic/byte-writer.ts"
import { createRecordBatchWriter } from "../../../../src/adapters/kafka/platformatic/record-batch.ts"
import type { OutgoingMessage } from "../../../../src/bus/message.ts"

const MAGIC_AT = 16
const CRC_AT = 17
const CRC_FROM = 21

/** Lengths around each border of a varint, and text of one to four bytes a character. */
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 60 }),
  fc
    .tuple(
      fc.constantFrom("a", "ß", "漢", "🐢"),
      fc.constantFrom(0, 1, 47, 48, 49, 63, 64, 8_100, 8_191, 8_192, 70_000),
    )
    .map(([character, length]) => character.repeat(length)),
)

const message: fc.Arbitrary<OutgoingMessage> = fc.record({
  topic: fc.constant("topic"),
  key: text,
  value: text,
  headers: fc.dictionary(fc.constantFrom("ce_id", "ce_type", "ce_time", "größe"), text),
})

it("writes batches that another implementation reads as they were given, however they come", () => {
  // One writer for all: what it remembers of earlier messages must never show in later ones.
  const write = createRecordBatchWriter()
  const target = createByteWriter(16)
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 40 }),
      fc.nat(2 ** 31 - 1),
      (messages, firstSequence) => {
        target.clear()
        write(target, messages, {
          producerId: 7n,
          producerEpoch: 3,
          firstSequence,
          timestampMs: 1_790_000_000_000,
        })
        const bytes = Buffer.from(target.bytes())
        expect(bytes[MAGIC_AT]).toBe(2)
        expect(bytes.readUInt32BE(CRC_AT)).toBe(crc32c(bytes.subarray(CRC_FROM)))
        const batch = readRecordsBatch(Reader.from(bytes))
        expect(batch).toMatchObject({
          length: bytes.length - 12,
          lastOffsetDelta: messages.length - 1,
          firstTimestamp: 1_790_000_000_000n,
          producerId: 7n,
          producerEpoch: 3,
          firstSequence,
        })
        expect(
          batch.records.map(({ offsetDelta, key, value, headers }) => ({
            offsetDelta,
            key: key?.toString(),
            value: value?.toString(),
            headers: Object.fromEntries(headers.map(([name, content]) => [String(name), String(content)])),
          })),
        ).toEqual(
          messages.map(({ key, value, headers }, offsetDelta) => ({
            offsetDelta,
            key,
            value,
            headers: { ...headers },
          })),
        )
      },
    ),
  )
})
