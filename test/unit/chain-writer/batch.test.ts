import { describe, expect, it } from "vitest"
import {
  batchGasLimit,
  batchLimit,
  DEFAULT_GAS_COSTS,
  MAX_TRANSACTION_GAS,
} from "../../../src/chain-writer/batch.ts"

const costs = { gasPerRecord: 100n, gasPerBatch: 1_000n }

describe("batch caps", () => {
  it("takes as many records as asked for when gas and size allow it", () => {
    expect(batchLimit({ maxRecords: 256, blockGasLimit: 30_000_000n, costs: DEFAULT_GAS_COSTS })).toBe(256)
  })

  it("never plans more gas than the block has", () => {
    expect(batchLimit({ maxRecords: 256, blockGasLimit: 2_099n, costs })).toBe(10)
  })

  it("never plans more gas than one transaction may have, however large the block", () => {
    const limit = batchLimit({ maxRecords: 1_000, blockGasLimit: 10n ** 9n, costs: DEFAULT_GAS_COSTS })
    expect(batchGasLimit(limit, DEFAULT_GAS_COSTS)).toBeLessThanOrEqual(MAX_TRANSACTION_GAS)
    expect(batchGasLimit(limit + 1, DEFAULT_GAS_COSTS)).toBeGreaterThan(MAX_TRANSACTION_GAS)
  })

  it("keeps a transaction below 128 KiB, with room for its head", () => {
    const limit = batchLimit({ maxRecords: 100_000, blockGasLimit: 10n ** 9n, costs })
    expect(limit * 64).toBeGreaterThan(125 * 1024)
    expect(limit * 64 + 512).toBeLessThan(128 * 1024)
  })

  it("is 0 when the block has no room for one record", () => {
    expect(batchLimit({ maxRecords: 256, blockGasLimit: 900n, costs })).toBe(0)
  })
})
