import { type JsonRpcProvider, toQuantity } from "ethers"
import type { ChainTerms } from "../../chain-writer/ports.ts"

const HISTORY_BLOCKS = 10
const REWARD_PERCENTILE = 50

interface FeeHistory {
  readonly baseFeePerGas?: readonly string[]
  readonly reward?: readonly (readonly string[])[] | null
}

/**
 * What the next block asks: the base fee and the median tip out of eth_feeHistory (EIP-1559), or the gas price on a chain
 * whose blocks have no base fee. A chain may ask for nothing; then all are 0.
 */
export async function readTerms(provider: JsonRpcProvider): Promise<ChainTerms> {
  const [block, history] = await Promise.all([newestBlock(provider), feeHistory(provider)])
  const blockGasLimit = BigInt(block.gasLimit)
  if (block.baseFeePerGas === undefined || block.baseFeePerGas === null) {
    const priorityFeePerGasWei = BigInt(await provider.send("eth_gasPrice", []))
    return { pricing: "gas-price", baseFeePerGasWei: 0n, priorityFeePerGasWei, blockGasLimit }
  }
  // The last entry is the next block's: the newest block's own is up to an eighth too low.
  const baseFeePerGasWei = BigInt(history?.baseFeePerGas?.at(-1) ?? block.baseFeePerGas)
  const priorityFeePerGasWei = medianTip(history) ?? (await suggestedTip(provider))
  return { pricing: "eip-1559", baseFeePerGasWei, priorityFeePerGasWei, blockGasLimit }
}

function newestBlock(provider: JsonRpcProvider): Promise<{ baseFeePerGas?: string; gasLimit: string }> {
  return provider.send("eth_getBlockByNumber", ["latest", false])
}

/** Null on a node without the method. Unreachable nodes are an error all the same: the next call says so. */
function feeHistory(provider: JsonRpcProvider): Promise<FeeHistory | null> {
  return provider
    .send("eth_feeHistory", [toQuantity(HISTORY_BLOCKS), "latest", [REWARD_PERCENTILE]])
    .catch(() => null)
}

/** Of blocks that had a paying transaction; null if none had. */
function medianTip(history: FeeHistory | null): bigint | null {
  const tips = (history?.reward ?? []).map(([tip = "0x0"]) => BigInt(tip)).filter(tip => tip > 0n)
  const sorted = tips.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  return sorted[Math.floor(sorted.length / 2)] ?? null
}

/** 0 on a node without the method: the policy's least tip is added where fees are asked for. */
function suggestedTip(provider: JsonRpcProvider): Promise<bigint> {
  return provider.send("eth_maxPriorityFeePerGas", []).then(BigInt, () => 0n)
}
