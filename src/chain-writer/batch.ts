/** EIP-7825: no transaction may have a higher gas limit, whatever the block's. */
export const MAX_TRANSACTION_GAS = 16_777_216n

/** Nodes refuse larger transactions (go-ethereum's txMaxSize); what is not records fits in the reserve. */
const MAX_TRANSACTION_BYTES = 128 * 1024
const RESERVED_BYTES = 1024
const RECORD_BYTES = 64

export interface GasCosts {
  /** The most one record can cost: a first write of a never-used slot, with its calldata and outcome byte. */
  readonly gasPerRecord: bigint
  /** What a batch costs beside its records: the transaction, the lane's rolling hash, the counter, the event. */
  readonly gasPerBatch: bigint
}

/**
 * Measured at the Osaka fork: 24,500 a new record in a batch of 256, 62,000 a batch of one, and 17,100 more in a lane's
 * first batch, whose rolling hash takes a new slot. The rest is margin.
 */
export const DEFAULT_GAS_COSTS: GasCosts = { gasPerRecord: 30_000n, gasPerBatch: 150_000n }

/**
 * Worst case, never an estimate: an estimate made while the operations are already applied is too low once a reorg has
 * undone them (883,030 against 6,038,598 measured), and the batch then runs out of gas.
 */
export function batchGasLimit(records: number, costs: GasCosts): bigint {
  return costs.gasPerBatch + costs.gasPerRecord * BigInt(records)
}

/** How many records fit a transaction: by count, by gas and by size. 0 if not even one fits the block. */
export function batchLimit(limits: {
  readonly maxRecords: number
  readonly blockGasLimit: bigint
  readonly costs: GasCosts
}): number {
  const { costs } = limits
  const gas = limits.blockGasLimit < MAX_TRANSACTION_GAS ? limits.blockGasLimit : MAX_TRANSACTION_GAS
  const byGas = gas < costs.gasPerBatch ? 0 : Number((gas - costs.gasPerBatch) / costs.gasPerRecord)
  const bySize = Math.floor((MAX_TRANSACTION_BYTES - RESERVED_BYTES) / RECORD_BYTES)
  return Math.min(limits.maxRecords, byGas, bySize)
}
