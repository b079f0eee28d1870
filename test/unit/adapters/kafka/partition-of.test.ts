import { compatibilityPartitioner } from "@platformatic/kafka"
import fc from "fast-check"
import { Partitioners } from "kafkajs"
import { expect, test } from "vitest"
import { partitionOf } from "../../../../src/adapters/kafka/partition-of.ts"

test("every client puts a key into the same partition", () => {
  const kafkajs = Partitioners.DefaultPartitioner()
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", minLength: 1 }),
      fc.integer({ min: 1, max: 50 }),
      (key, count) => {
        const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
          partitionId,
          partitionErrorCode: 0,
          leader: 1,
          replicas: [],
          isr: [],
        }))
        const partition = partitionOf(key, count)
        expect(kafkajs({ topic: "t", partitionMetadata, message: { key, value: "" } })).toBe(partition)
        const hash = compatibilityPartitioner({ topic: "t" }, Buffer.from(key))
        expect(hash % count).toBe(partition)
      },
    ),
  )
})
