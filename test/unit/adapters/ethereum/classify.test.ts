import { describe, expect, it } from "vitest"
import { classifyBroadcastError } from "../../../../src/adapters/ethereum/classify.ts"
import type { BroadcastOutcome } from "../../../../src/chain-writer/ports.ts"

const OURS = `0x${"ab".repeat(32)}` as const
const OTHERS = `0x${"cd".repeat(32)}`

type Row = readonly [node: string, code: number, message: string, kind: BroadcastOutcome["kind"]]

const automine = "Note that transactions can't be queued when automining."

/** Hardhat's and anvil's as they answered; the others' as their public sources have them. */
const rows: readonly Row[] = [
  ["hardhat", -32000, `Known transaction: ${OURS}`, "already-known"],
  ["hardhat", -32000, `Nonce too low. Expected nonce to be 3 but got 0. ${automine}`, "nonce-too-low"],
  ["hardhat", -32000, `Nonce too high. Expected nonce to be 3 but got 8. ${automine}`, "nonce-too-high"],
  [
    "hardhat",
    -32000,
    "Transaction maxFeePerGas (1) is too low for the next block, which has a baseFeePerGas of 589549342",
    "underpriced",
  ],
  [
    "hardhat",
    -32000,
    "Replacement transaction underpriced. A gasPrice/maxFeePerGas of at least 55000000000 is necessary to replace the existing transaction with nonce 4.",
    "underpriced",
  ],
  [
    "hardhat",
    -32000,
    "Sender doesn't have enough funds to send tx. The max upfront cost is: 1050000000000000 and the sender's balance is: 0.",
    "insufficient-funds",
  ],
  ["hardhat", -32000, "Transaction requires at least 21000 gas but got 20000", "rejected"],
  [
    "hardhat",
    -32000,
    "Transaction gas limit is 17000000 and exceeds transaction gas cap of 16777216",
    "too-large",
  ],
  [
    "hardhat",
    -32602,
    "Trying to send a raw transaction with an invalid chainId. The expected chainId is 31337",
    "rejected",
  ],
  ["hardhat", -32602, "input too short", "rejected"],
  [
    "hardhat",
    3,
    "VM Exception while processing transaction: reverted with custom error 'EnforcedPause()'",
    "reverted",
  ],
  ["anvil", -32003, "transaction already imported", "already-known"],
  ["anvil", -32003, "nonce too low", "nonce-too-low"],
  ["anvil", -32003, "max fee per gas less than block base fee", "underpriced"],
  ["anvil", -32003, "Insufficient funds for gas * price + value", "insufficient-funds"],
  ["geth", -32000, "already known", "already-known"],
  ["geth", -32000, "nonce too low: next nonce 7, tx nonce 3", "nonce-too-low"],
  ["geth", -32000, "transaction underpriced: tip needed 1000000, tip permitted 1", "underpriced"],
  ["geth", -32000, "replacement transaction underpriced", "underpriced"],
  [
    "geth",
    -32000,
    "insufficient funds for gas * price + value: balance 0, tx cost 1, overshot 1",
    "insufficient-funds",
  ],
  [
    "geth",
    -32000,
    "max fee per gas less than block base fee: address 0x0, maxFeePerGas: 1, baseFee: 7",
    "underpriced",
  ],
  ["geth", -32000, "max priority fee per gas higher than max fee per gas", "rejected"],
  ["geth", -32000, "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)", "rejected"],
  ["geth", -32000, "intrinsic gas too low: gas 20000, minimum needed 21000", "rejected"],
  ["geth", -32000, "exceeds block gas limit", "too-large"],
  ["geth", -32000, "oversized data: transaction size 139500, limit 131072", "too-large"],
  ["geth", -32000, "txpool is full", "unknown"],
  ["nethermind", -32010, "AlreadyKnown", "already-known"],
  ["nethermind", -32010, "OldNonce, Current nonce: 4, nonce of rejected tx: 3", "nonce-too-low"],
  ["nethermind", -32010, "NonceGap, Future nonce. Expected nonce: 4", "nonce-too-high"],
  ["nethermind", -32010, "InsufficientFunds, Account balance: 0, cumulative cost: 1", "insufficient-funds"],
  ["nethermind", -32010, "FeeTooLow, MaxFeePerGas too low", "underpriced"],
  ["nethermind", -32010, "ReplacementNotAllowed", "underpriced"],
  ["erigon", -32000, "nonce too low", "nonce-too-low"],
  ["erigon", -32000, "fee cap less than block base fee", "underpriced"],
  ["besu", -32001, "Nonce too low", "nonce-too-low"],
  ["besu", -32004, "Upfront cost exceeds account balance", "insufficient-funds"],
  ["besu", -32009, "Gas price below configured minimum gas price", "underpriced"],
  ["besu", -32000, "Known transaction", "already-known"],
  ["a provider", 429, "Your app has exceeded its compute units per second capacity", "unknown"],
  ["a provider", -32005, "rate limit exceeded", "unknown"],
  ["a provider", -32603, "Internal error", "unknown"],
  ["anyone", -32000, "the moon is in the wrong house", "unknown"],
]

describe("a node's refusal", () => {
  it.each(rows)("of %s (%i): %s, is %s", (_node, code, message, kind) => {
    const answer = { code, message }
    expect(classifyBroadcastError({ code: "UNKNOWN_ERROR", error: answer }, OURS).kind).toBe(kind)
    expect(classifyBroadcastError({ code: "NONCE_EXPIRED", info: { error: answer } }, OURS).kind).toBe(kind)
  })

  it("that knows another transaction is no news of ours", () => {
    const error = { error: { code: -32000, message: `Known transaction: ${OTHERS}` } }
    expect(classifyBroadcastError(error, OURS).kind).toBe("unknown")
  })
})

describe("no answer", () => {
  it.each([
    { code: "TIMEOUT" },
    { code: "SERVER_ERROR", info: { responseStatus: "503" } },
    Object.assign(new Error("connect"), { code: "ECONNREFUSED" }),
    new Error("socket hang up"),
    "nothing",
    null,
  ])("is unknown: %o", error => {
    expect(classifyBroadcastError(error, OURS).kind).toBe("unknown")
  })

  it("tells a code only, for a message can quote the endpoint with its key", () => {
    const error = Object.assign(new Error("https://node/v1/secret"), { code: "TIMEOUT" })
    expect(JSON.stringify(classifyBroadcastError(error, OURS))).not.toContain("secret")
  })
})
