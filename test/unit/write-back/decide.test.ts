import { describe, expect, it } from "vitest"
import { decideFlag, decideRemoval } from "../../../src/write-back/decide.ts"

const row = { state: "here", newest: 5n, manual: false, expiresInMs: -1 } as const

describe("a flag", () => {
  it("is set on the row whose newest operation was confirmed", () => {
    expect(decideFlag(5n, row)).toEqual({ do: "set-flag" })
  })

  it("is not set on a row renewed meanwhile", () => {
    expect(decideFlag(4n, row)).toEqual({ do: "leave" })
  })

  it("is settled when the app has deleted the row", () => {
    expect(decideFlag(5n, { state: "absent" })).toEqual({ do: "leave" })
  })

  it("waits while the app holds the row", () => {
    expect(decideFlag(5n, { state: "locked" })).toMatchObject({ do: "wait" })
  })
})

describe("a removal", () => {
  it("deletes a row whose own expiry has passed", () => {
    expect(decideRemoval(5n, row)).toEqual({ do: "delete" })
  })

  it("leaves a row renewed meanwhile to its own timer", () => {
    expect(decideRemoval(4n, { ...row, expiresInMs: 60_000 })).toEqual({ do: "leave" })
  })

  it("leaves a row renewed meanwhile also when the renewal is over: its own end is told apart", () => {
    expect(decideRemoval(4n, row)).toEqual({ do: "leave" })
  })

  it("leaves a row that was made manual", () => {
    expect(decideRemoval(5n, { ...row, manual: true })).toEqual({ do: "leave" })
  })

  it("waits for a row that runs a fraction longer than the chain's whole seconds", () => {
    expect(decideRemoval(5n, { ...row, expiresInMs: 700 })).toEqual({ do: "wait", ms: 700 })
  })

  it("waits while the app holds the row", () => {
    expect(decideRemoval(5n, { state: "locked" })).toMatchObject({ do: "wait" })
  })

  it("is settled when no row is there", () => {
    expect(decideRemoval(5n, { state: "absent" })).toEqual({ do: "leave" })
  })
})
