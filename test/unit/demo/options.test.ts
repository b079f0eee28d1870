import { describe, expect, it } from "vitest"
import { demoOptions } from "../../../src/demo/options.ts"

const seven = () => 7

describe("the demo's options", () => {
  it("have the documented defaults, and a seed from outside", () => {
    expect(demoOptions({}, seven)).toEqual({
      operations: 300,
      blockTtlSeconds: 5,
      seed: 7,
      json: false,
      keep: false,
    })
  })

  it("are taken as given", () => {
    const given = { operations: "5000", blockTtl: "9", seed: "0", json: true, keep: true }
    expect(demoOptions(given, seven)).toEqual({
      operations: 5000,
      blockTtlSeconds: 9,
      seed: 0,
      json: true,
      keep: true,
    })
  })

  it.each([
    [{ operations: "0" }, "--operations"],
    [{ operations: "28" }, "every kind of traffic"],
    [{ operations: "100001" }, "--operations"],
    [{ operations: "many" }, "--operations"],
    [{ operations: "1e3" }, "--operations"],
    [{ blockTtl: "0" }, "--block-ttl"],
    [{ blockTtl: "-5" }, "--block-ttl"],
    [{ seed: "4294967296" }, "--seed"],
  ])("refuse %o with exit code 64 and the option's name", (given, name) => {
    expect(() => demoOptions(given, seven)).toThrow(
      expect.objectContaining({ exitCode: 64, message: expect.stringContaining(name) }),
    )
  })
})
