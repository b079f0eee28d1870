import { describe, expect, it } from "vitest"
import { loggableError } from "../../../src/runtime/logger.ts"

describe("a logged error", () => {
  it("shows neither the row nor the value of a database's error, at any depth", () => {
    const database = Object.assign(new Error('invalid input syntax for type inet: "Ada Lovelace"'), {
      name: "PostgresError",
      code: "22P02",
      detail: "Failing row contains (Ada Lovelace)",
      query: "insert into core_patient values ('Ada Lovelace')",
      parameters: ["Ada Lovelace"],
      where: "COPY core_patient, line 1: Ada Lovelace",
    })
    const logged = JSON.stringify(loggableError(new Error("pass failed", { cause: database })))
    expect(logged).not.toContain("Ada")
    expect(logged).toContain("22P02")
    expect(logged).toContain("invalid input syntax for type inet")
  })

  it("keeps the constraint's name, which a message quotes too", () => {
    const error = Object.assign(
      new Error('duplicate key value violates unique constraint "chain_attempts_hash"'),
      {
        constraint_name: "chain_attempts_hash",
      },
    )
    expect(loggableError(error)).toMatchObject({ constraint: "chain_attempts_hash", message: error.message })
  })

  it("ends where errors cause one another in a circle", () => {
    const error = new Error("one")
    error.cause = new Error("two", { cause: error })
    expect(JSON.stringify(loggableError(error))).toContain("two")
  })
})
