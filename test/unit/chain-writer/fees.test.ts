import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { bumpedFees, initialFees } from "../../../src/chain-writer/fees.ts"

const terms = (base: bigint, tip: bigint) => ({
  pricing: "eip-1559" as const,
  baseFeePerGasWei: base,
  priorityFeePerGasWei: tip,
  blockGasLimit: 30_000_000n,
})
const policy = { maxFeePerGasWei: 1_000n, minPriorityFeePerGasWei: 2n }

describe("fees of a first attempt", () => {
  it("leave room for the base fee to double", () => {
    expect(initialFees(terms(100n, 5n), policy)).toEqual({
      maxFeePerGasWei: 205n,
      maxPriorityFeePerGasWei: 5n,
    })
  })

  it("tip at least the floor on a chain that asks for fees", () => {
    expect(initialFees(terms(100n, 0n), policy)?.maxPriorityFeePerGasWei).toBe(2n)
  })

  it("are zero on a chain that asks for none", () => {
    expect(initialFees(terms(0n, 0n), policy)).toEqual({ maxFeePerGasWei: 0n, maxPriorityFeePerGasWei: 0n })
  })

  it("stop at the cap while the next block still takes them", () => {
    expect(initialFees(terms(900n, 5n), policy)?.maxFeePerGasWei).toBe(1_000n)
  })

  it("are refused when the next block asks for more than the cap", () => {
    expect(initialFees(terms(996n, 5n), policy)).toBeNull()
  })
})

describe("fees of a replacement", () => {
  it("raise both by 12.5 %, rounded up", () => {
    const previous = { maxFeePerGasWei: 201n, maxPriorityFeePerGasWei: 9n }
    expect(bumpedFees(previous, terms(10n, 1n), policy)).toEqual({
      maxFeePerGasWei: 227n,
      maxPriorityFeePerGasWei: 11n,
    })
  })

  it("raise nothing by one wei", () => {
    const previous = { maxFeePerGasWei: 0n, maxPriorityFeePerGasWei: 0n }
    expect(bumpedFees(previous, terms(0n, 0n), policy)).toEqual({
      maxFeePerGasWei: 1n,
      maxPriorityFeePerGasWei: 1n,
    })
  })

  it("offer at least what a new transaction would", () => {
    const previous = { maxFeePerGasWei: 20n, maxPriorityFeePerGasWei: 2n }
    expect(bumpedFees(previous, terms(300n, 7n), policy)).toEqual({
      maxFeePerGasWei: 607n,
      maxPriorityFeePerGasWei: 7n,
    })
  })

  it("are refused above the cap", () => {
    const previous = { maxFeePerGasWei: 990n, maxPriorityFeePerGasWei: 2n }
    expect(bumpedFees(previous, terms(10n, 1n), policy)).toBeNull()
  })

  it("always satisfy a node's rule for replacements, and never tip above the whole fee", () => {
    const wei = fc.bigInt({ min: 0n, max: 10n ** 12n })
    fc.assert(
      fc.property(wei, wei, wei, wei, (maxFee, tip, base, suggested) => {
        const previous = { maxFeePerGasWei: maxFee, maxPriorityFeePerGasWei: tip < maxFee ? tip : maxFee }
        const next = bumpedFees(previous, terms(base, suggested), { ...policy, maxFeePerGasWei: 10n ** 14n })
        if (!next) return false
        const enough = (after: bigint, before: bigint) => after > before && after * 1000n >= before * 1125n
        return (
          enough(next.maxFeePerGasWei, previous.maxFeePerGasWei) &&
          enough(next.maxPriorityFeePerGasWei, previous.maxPriorityFeePerGasWei) &&
          next.maxPriorityFeePerGasWei <= next.maxFeePerGasWei
        )
      }),
    )
  })
})
