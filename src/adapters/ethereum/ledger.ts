import type { Log, TransactionReceipt } from "ethers"
import type { ChainTerms, Hex, Ledger, Receipt, TransactionEffect } from "../../chain-writer/ports.ts"
import { type Outcome, outcomeFromCode } from "../../domain/outcome.ts"
import { classifyBroadcastError } from "./classify.ts"
import type { ChainConnection } from "./provider.ts"
import { lowerHex, registryInterface } from "./registries.ts"

const BATCH_APPLIED = registryInterface.getEvent("BatchApplied")

/** The chain behind one node. */
export function createLedger({ provider }: Pick<ChainConnection, "provider">): Ledger {
  async function terms(): Promise<ChainTerms> {
    const [block, priorityFee] = await Promise.all([
      provider.send("eth_getBlockByNumber", ["latest", false]),
      provider.send("eth_maxPriorityFeePerGas", []),
    ])
    return {
      baseFeePerGasWei: BigInt(block.baseFeePerGas ?? 0),
      priorityFeePerGasWei: BigInt(priorityFee),
      blockGasLimit: BigInt(block.gasLimit),
    }
  }

  return {
    async nonce(address, depth) {
      if (depth === 1) return provider.getTransactionCount(address, "latest")
      const height = await provider.getBlockNumber()
      return height < depth - 1 ? 0 : provider.getTransactionCount(address, height - depth + 1)
    },
    balanceWei: address => provider.getBalance(address, "latest"),
    terms,
    async broadcast({ raw, hash }) {
      try {
        const answer: unknown = await provider.send("eth_sendRawTransaction", [raw])
        if (typeof answer === "string" && answer.toLowerCase() === hash) return { kind: "accepted" }
        return { kind: "unknown", detail: "the node answered with another hash" }
      } catch (error) {
        return classifyBroadcastError(error, hash)
      }
    },
    async receipt(hash, expected) {
      const receipt = await provider.getTransactionReceipt(hash)
      return receipt ? toReceipt(receipt, expected) : null
    },
    async blockHash(blockNumber) {
      const block: { hash: string } | null = await provider.send("eth_getBlockByNumber", [
        `0x${blockNumber.toString(16)}`,
        false,
      ])
      return block ? lowerHex(block.hash) : null
    },
  }
}

function toReceipt(receipt: TransactionReceipt, expected: { contract: Hex; records: number }): Receipt {
  return {
    blockNumber: receipt.blockNumber,
    blockHash: lowerHex(receipt.blockHash),
    effect: receipt.status === 1 ? effectOf(receipt.logs, expected) : { kind: "reverted" },
  }
}

/** Status 1 is not success: a call to an address without code succeeds too. Our contract has to have said so. */
function effectOf(logs: readonly Log[], expected: { contract: Hex; records: number }): TransactionEffect {
  const events = logs.filter(
    log => lowerHex(log.address) === expected.contract && log.topics[0] === BATCH_APPLIED?.topicHash,
  )
  const [event] = events
  if (!event || events.length !== 1) return { kind: "no-effect" }
  const codes = registryInterface.parseLog(event)?.args.outcomes as string
  const outcomes = [...Buffer.from(codes.slice(2), "hex")].map(outcomeFromCode)
  const known = outcomes.filter((outcome): outcome is Outcome => outcome !== undefined)
  return known.length === expected.records && outcomes.length === expected.records
    ? { kind: "applied", outcomes: known }
    : { kind: "no-effect" }
}
