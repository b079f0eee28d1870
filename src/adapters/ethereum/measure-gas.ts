import { randomBytes } from "node:crypto"
import { DEFAULT_GAS_COSTS, type GasCosts } from "../../chain-writer/batch.ts"
import type { Hex } from "../../chain-writer/ports.ts"
import { lowestPositionAt, POSITION_EPOCH_MS } from "../../domain/position.ts"
import { encodeWord, FLAG } from "../../domain/word.ts"
import type { ChainConnection } from "./provider.ts"
import { registryInterface } from "./registries.ts"

const FEW = 1
const MANY = 33
/** A lane's first batch takes a new slot for its rolling hash, and a fork may price what we did not measure. */
const MARGIN_PERCENT = 15n
const FIRST_BATCH_GAS = 20_000n

/**
 * What a batch costs on this chain's fork, at worst: first writes of slots that nobody has ever used, so that no state of
 * the chain, and no reorganisation, makes it dearer. The defaults where the node cannot tell (paused, no role, no method).
 */
export async function measureGasCosts(
  { provider }: Pick<ChainConnection, "provider">,
  contract: Hex,
  lane: Hex,
): Promise<GasCosts> {
  const gasOf = async (records: number): Promise<bigint> => {
    const data = registryInterface.encodeFunctionData("applyBatch", [unusedRecords(records)])
    return BigInt(await provider.send("eth_estimateGas", [{ from: lane, to: contract, data }]))
  }
  try {
    const [few, many] = await Promise.all([gasOf(FEW), gasOf(MANY)])
    const perRecord = (many - few) / BigInt(MANY - FEW)
    const perBatch = few > perRecord ? few - perRecord : 0n
    return {
      gasPerRecord: atLeast(DEFAULT_GAS_COSTS.gasPerRecord, withMargin(perRecord)),
      gasPerBatch: atLeast(DEFAULT_GAS_COSTS.gasPerBatch, withMargin(perBatch) + FIRST_BATCH_GAS),
    }
  } catch {
    return DEFAULT_GAS_COSTS
  }
}

/** A limit too high costs nothing, one too low burns the batch: a cheaper fork changes nothing. */
function atLeast(known: bigint, measured: bigint): bigint {
  return measured > known ? measured : known
}

function withMargin(gas: bigint): bigint {
  return gas + (gas * MARGIN_PERCENT) / 100n
}

function unusedRecords(count: number): readonly (readonly [string, bigint])[] {
  // Long past, so that no clock finds it in the future and skips the write.
  const version = lowestPositionAt(POSITION_EPOCH_MS + 1_000)
  return Array.from({ length: count }, () => {
    const subject = `0x${randomBytes(32).toString("hex")}`
    const tag = randomBytes(8).readBigUInt64BE()
    const word = encodeWord({
      version,
      tag,
      expirySeconds: 0,
      timeSeconds: 1,
      flags: FLAG.exists | FLAG.active,
    })
    return [subject, word] as const
  })
}
