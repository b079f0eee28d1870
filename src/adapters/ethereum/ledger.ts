import { type Log, type TransactionReceipt, toQuantity } from "ethers"
import type {
  Block,
  Depth,
  ExpectedEffect,
  Ledger,
  Receipt,
  TransactionEffect,
} from "../../chain-writer/ports.ts"
import { type Outcome, outcomeFromCode } from "../../domain/outcome.ts"
import { classifyBroadcastError } from "./classify.ts"
import { NodeUnreachableError } from "./node-error.ts"
import { ofThePast } from "./past-state.ts"
import type { ChainConnection } from "./provider.ts"
import { lowerHex, registryInterface } from "./registries.ts"
import { readTerms } from "./terms.ts"

const BATCH_APPLIED = registryInterface.getEvent("BatchApplied")

/** The chain behind the connection's nodes. An answer to another question than was asked is thrown away. */
export function createLedger({ provider }: Pick<ChainConnection, "provider">): Ledger {
  async function height(depth: Depth): Promise<number> {
    if (depth === "finalized") {
      const block: RawBlock | null = await provider.send("eth_getBlockByNumber", ["finalized", false])
      return block ? Number(block.number) : -1
    }
    return Math.max(-1, (await provider.getBlockNumber()) - depth + 1)
  }

  async function block(blockNumber: number): Promise<Block | null> {
    const raw: RawBlock | null = await provider.send("eth_getBlockByNumber", [toQuantity(blockNumber), false])
    if (raw && Number(raw.number) !== blockNumber) throw wrongAnswer("another block")
    if (!raw) return null
    const transactions = raw.transactions.map(lowerHex)
    return { hash: lowerHex(raw.hash), timestampSeconds: Number(raw.timestamp), transactions }
  }

  return {
    async nonce(address, depth) {
      if (depth === 1) return provider.getTransactionCount(address, "latest")
      const deep = await height(depth)
      return deep < 0 ? 0 : provider.getTransactionCount(address, deep)
    },
    nonceAt: (address, blockNumber) => ofThePast(provider.getTransactionCount(address, blockNumber)),
    height,
    balanceWei: address => provider.getBalance(address, "latest"),
    terms: () => readTerms(provider),
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
      if (receipt && lowerHex(receipt.hash) !== hash) throw wrongAnswer("another transaction's receipt")
      return receipt ? toReceipt(receipt, expected) : null
    },
    blockHash: async blockNumber => (await block(blockNumber))?.hash ?? null,
    block,
  }
}

interface RawBlock {
  readonly number: string
  readonly hash: string
  readonly timestamp: string
  readonly transactions: readonly string[]
}

/** Caches and load balancers do that; believing one would take a batch for included where it is not. */
function wrongAnswer(what: string): NodeUnreachableError {
  return new NodeUnreachableError("WRONG_ANSWER", `it answered with ${what}`)
}

function toReceipt(receipt: TransactionReceipt, expected: ExpectedEffect): Receipt {
  return {
    blockNumber: receipt.blockNumber,
    blockHash: lowerHex(receipt.blockHash),
    gasUsed: receipt.gasUsed,
    effect: receipt.status === 1 ? effectOf(receipt.logs, expected) : { kind: "reverted" },
  }
}

/** Status 1 is not success: a call to an address without code succeeds too. Our contract has to have said so. */
function effectOf(logs: readonly Log[], expected: ExpectedEffect): TransactionEffect {
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
