import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { raisePosition } from "../../../src/adapters/postgres/event-log/raise-position.ts"
import { currentWriterId, setWriterId } from "../../../src/adapters/postgres/event-log/set-writer-id.ts"
import { lowestPositionAt, positionWriterId } from "../../../src/domain/position.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { databaseClockMs, insertEvent } from "./insert-event.ts"

describe("writer id", () => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await createTestDatabase()
  })
  afterEach(() => database.drop())

  test("a version of another branch that is ahead lifts the next position above it, keeping the writer id", async () => {
    await setWriterId(database.sql, 5)
    const foreign = lowestPositionAt((await databaseClockMs(database.sql)) + 60_000) + 1023n
    expect(await raisePosition(database.sql, foreign)).toBe(true)
    const position = await insertEvent(database.sql)
    expect(position).toBeGreaterThan(foreign)
    expect(positionWriterId(position)).toBe(5)
  })

  test("two branches never give out one position, even in the same millisecond", async () => {
    const other = await createTestDatabase()
    try {
      await setWriterId(database.sql, 1)
      await setWriterId(other.sql, 1023)
      const both = [database.sql, other.sql].flatMap(sql =>
        Array.from({ length: 300 }, () => insertEvent(sql)),
      )
      const positions = await Promise.all(both)
      expect(new Set(positions).size).toBe(600)
      expect(new Set(positions.map(positionWriterId))).toEqual(new Set([1, 1023]))
    } finally {
      await other.drop()
    }
  })

  test("is set once: refused when there are events of another, unchanged when it is the same", async () => {
    expect(await setWriterId(database.sql, 9)).toEqual({ outcome: "set" })
    await insertEvent(database.sql)
    expect(await setWriterId(database.sql, 9)).toEqual({ outcome: "unchanged" })
    expect(await setWriterId(database.sql, 10)).toEqual({ outcome: "refused", writerId: 9 })
    expect(await currentWriterId(database.sql)).toBe(9)
    expect(positionWriterId(await insertEvent(database.sql))).toBe(9)
  })

  test("is an integer of 10 bits", async () => {
    for (const writerId of [-1, 1024, 1.5]) {
      await expect(setWriterId(database.sql, writerId)).rejects.toThrow(RangeError)
    }
  })
})
