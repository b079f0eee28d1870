import type { BroadcastOutcome } from "../../../../src/chain-writer/ports.ts"

export const NODES = ["hardhat", "anvil", "geth", "nethermind", "erigon", "besu"] as const
export type Node = (typeof NODES)[number]

/** A code and a message, or why this node never says so. */
type Answer = readonly [code: number, message: string] | string

interface MessageClass {
  readonly kind: BroadcastOutcome["kind"]
  readonly answers: Readonly<Record<Node, readonly Answer[]>>
  /** Of services before a node. */
  readonly providers?: readonly Answer[]
}

export const OURS = `0x${"ab".repeat(32)}` as const

const QUEUES = "queues it until the nonces before it are there"
const RUNS_NOTHING = "runs no transaction when it takes it: only its receipt tells"
const NO_LIMIT = "limits nobody by itself"
const automine = "Note that transactions can't be queued when automining."

/**
 * What nodes answer to eth_sendRawTransaction. Hardhat's (3.17) and anvil's (1.7) as they answered; go-ethereum's of
 * core/txpool/errors.go and core/error.go; Nethermind's of AcceptTxResult (first the names that older versions gave, then
 * TxPoolErrorMessages); Erigon's of txpoolcfg's DiscardReason; Besu's of RpcErrorType.
 */
export const MESSAGES: Readonly<Record<string, MessageClass>> = {
  "already known": {
    kind: "already-known",
    answers: {
      hardhat: [[-32000, `Known transaction: ${OURS}`]],
      anvil: [[-32003, "transaction already imported"]],
      geth: [[-32000, "already known"]],
      nethermind: [
        [-32010, "AlreadyKnown"],
        [-32010, "already known"],
      ],
      erigon: [
        [-32000, "already known"],
        [-32000, "INTERNAL_ERROR: existing tx with same hash"],
      ],
      besu: [[-32000, "Known transaction"]],
    },
  },
  "nonce too low": {
    kind: "nonce-too-low",
    answers: {
      hardhat: [
        [-32000, `Nonce too low. Expected nonce to be 3 but got 0. ${automine}`],
        [-32000, "Transaction nonce too low. Expected nonce to be at least 2 but got 0."],
      ],
      anvil: [[-32003, "nonce too low"]],
      geth: [[-32000, "nonce too low: next nonce 7, tx nonce 3"]],
      nethermind: [
        [-32010, "OldNonce, Current nonce: 4, nonce of rejected tx: 3"],
        [-32010, "nonce too low"],
      ],
      erigon: [
        [-32000, "nonce too low"],
        [-32000, "INTERNAL_ERROR: nonce too low"],
      ],
      besu: [[-32001, "Nonce too low"]],
    },
  },
  "nonce too high": {
    kind: "nonce-too-high",
    answers: {
      hardhat: [[-32000, `Nonce too high. Expected nonce to be 3 but got 8. ${automine}`]],
      anvil: [QUEUES],
      geth: [QUEUES, [-32000, "nonce too high: address 0x0, tx: 9 state: 4"]],
      nethermind: [
        [-32010, "NonceGap, Future nonce. Expected nonce: 4"],
        [-32010, "nonce too high"],
        [-32010, "NonceTooFarInFuture"],
        [-32010, "nonce too far in future"],
      ],
      erigon: [QUEUES],
      besu: [
        [-32006, "Nonce too high"],
        [-32000, "Transaction nonce is too distant from current sender nonce"],
      ],
    },
  },
  underpriced: {
    kind: "underpriced",
    answers: {
      hardhat: [
        [
          -32000,
          "Transaction maxFeePerGas (1) is too low for the next block, which has a baseFeePerGas of 589549342",
        ],
      ],
      anvil: [[-32003, "max fee per gas less than block base fee"]],
      geth: [
        [-32000, "transaction underpriced: tip needed 1000000, tip permitted 1"],
        [-32000, "transaction gas price below minimum: gas tip cap 1, minimum needed 1000000"],
        [-32000, "max fee per gas less than block base fee: address 0x0, maxFeePerGas: 1, baseFee: 7"],
      ],
      nethermind: [
        [-32010, "FeeTooLow, MaxFeePerGas too low"],
        [-32010, "FeeTooLowToCompete"],
        [-32010, "transaction underpriced"],
      ],
      erigon: [
        [-32000, "underpriced"],
        [-32000, "INTERNAL_ERROR: fee too low"],
        [-32000, "fee cap less than block base fee"],
      ],
      besu: [
        [-32009, "Gas price below configured minimum gas price"],
        [-32009, "Gas price below current base fee"],
      ],
    },
  },
  "replacement underpriced": {
    kind: "underpriced",
    answers: {
      hardhat: [
        [
          -32000,
          "Replacement transaction underpriced. A gasPrice/maxFeePerGas of at least 55000000000 is necessary to replace the existing transaction with nonce 4.",
        ],
      ],
      anvil: [[-32003, "replacement transaction underpriced"]],
      geth: [[-32000, "replacement transaction underpriced: new tx gas fee cap 1 <= 2 queued"]],
      nethermind: [
        [-32010, "ReplacementNotAllowed"],
        [-32010, "replacement transaction underpriced"],
      ],
      erigon: [
        [-32000, "replacement transaction underpriced"],
        [-32000, "INTERNAL_ERROR: could not replace existing tx"],
      ],
      besu: [[-32000, "Replacement transaction underpriced"]],
    },
  },
  "insufficient funds": {
    kind: "insufficient-funds",
    answers: {
      hardhat: [
        [
          -32000,
          "Sender doesn't have enough funds to send tx. The max upfront cost is: 1050000000000000 and the sender's balance is: 0.",
        ],
      ],
      anvil: [[-32003, "Insufficient funds for gas * price + value"]],
      geth: [[-32000, "insufficient funds for gas * price + value: balance 0, tx cost 1, overshot 1"]],
      nethermind: [
        [-32010, "InsufficientFunds, Account balance: 0, cumulative cost: 1"],
        [-32010, "insufficient funds for gas * price + value"],
      ],
      erigon: [[-32000, "INTERNAL_ERROR: insufficient funds"]],
      besu: [[-32004, "Upfront cost exceeds account balance"]],
    },
  },
  "gas too low": {
    kind: "rejected",
    answers: {
      hardhat: [
        [-32000, "Transaction requires at least 21000 gas but got 20000"],
        [-32000, "Transaction requires gas floor of 25000 but got limit of 23000"],
      ],
      anvil: [[-32003, "intrinsic gas too low"]],
      geth: [
        [-32000, "intrinsic gas too low: gas 20000, minimum needed 21000"],
        [-32000, "insufficient gas for floor data gas cost: gas 23000, minimum needed 25000"],
      ],
      nethermind: [[-32010, "Invalid, intrinsic gas too low"]],
      erigon: [
        [-32000, "INTERNAL_ERROR: IntrinsicGas"],
        [-32000, "intrinsic gas too low"],
      ],
      besu: [[-32003, "Intrinsic gas exceeds gas limit"]],
    },
  },
  "more than a transaction may have": {
    kind: "too-large",
    answers: {
      hardhat: [[-32000, "Transaction gas limit is 17000000 and exceeds transaction gas cap of 16777216"]],
      anvil: [[-32003, "intrinsic gas too high -- tx.gas_limit > env.block.gas_limit"]],
      geth: [
        [-32000, "exceeds block gas limit"],
        [-32000, "transaction gas limit too high (cap: 16777216, tx: 17000000)"],
        [-32000, "oversized data: transaction size 139500, limit 131072"],
      ],
      nethermind: [
        [-32010, "GasLimitExceeded, Gas limit: 30000000, gas limit of rejected tx: 40000000"],
        [-32010, "gas limit reached"],
        [-32010, "MaxTxSizeExceeded"],
        [-32010, "transaction too large"],
      ],
      erigon: [
        [-32000, "oversized data"],
        [-32000, "RLPTooLong"],
        [-32000, "gas limit too high. Max: 16777216"],
      ],
      besu: [[-32005, "Transaction gas limit exceeds block gas limit"]],
    },
  },
  revert: {
    kind: "reverted",
    answers: {
      hardhat: [
        [3, "VM Exception while processing transaction: reverted with custom error 'EnforcedPause()'"],
      ],
      anvil: [RUNS_NOTHING, [3, "execution reverted: custom error 0xd93c0665"]],
      geth: [RUNS_NOTHING, [3, "execution reverted"]],
      nethermind: [RUNS_NOTHING],
      erigon: [RUNS_NOTHING, [3, "execution reverted"]],
      besu: [RUNS_NOTHING, [-32000, "Execution reverted"]],
    },
  },
  "rate limit": {
    kind: "unknown",
    answers: {
      hardhat: [NO_LIMIT],
      anvil: [NO_LIMIT],
      geth: [NO_LIMIT],
      nethermind: [NO_LIMIT],
      erigon: [NO_LIMIT],
      besu: [[-32005, "Number of requests exceeds max batch size"]],
    },
    providers: [
      [429, "Your app has exceeded its compute units per second capacity"],
      [-32005, "rate limit exceeded"],
      [-32005, "daily request count exceeded, request rate limited"],
      [-32007, "15/second request limit reached - reduce calls per second"],
    ],
  },
  unknown: {
    kind: "unknown",
    answers: {
      hardhat: [[-32603, "Internal error"]],
      anvil: [[-32603, "Internal error"]],
      geth: [
        [-32000, "txpool is full"],
        [-32000, "account limit exceeded: pooled 16 txs"],
        [-32000, "future transaction tries to replace pending"],
        [-32000, "address already reserved"],
      ],
      nethermind: [[-32010, "node is syncing"]],
      erigon: [
        [-32000, "pending sub-pool is full"],
        [-32000, "baseFee sub-pool is full"],
        [-32000, "queued sub-pool is full"],
        [-32000, "mined"],
      ],
      besu: [
        [-32008, "Initial sync is still in progress"],
        [-32000, "An invalid transaction with a lower nonce exists"],
      ],
    },
    providers: [
      [-32603, "Internal error"],
      [-32000, "the moon is in the wrong house"],
    ],
  },
  "not to be taken as it is": {
    kind: "rejected",
    answers: {
      hardhat: [
        [-32602, "Trying to send a raw transaction with an invalid chainId. The expected chainId is 31337"],
        [-32602, "input too short"],
      ],
      anvil: [[-32003, "invalid chain id for signer"]],
      geth: [
        [-32000, "max priority fee per gas higher than max fee per gas"],
        [-32000, "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)"],
        [-32000, "transaction type not supported"],
        [-32000, "invalid sender: invalid chain id for signer: have 1 want 2"],
      ],
      nethermind: [
        [-32010, "Invalid, InvalidTxSignature: Signature is invalid."],
        [-32010, "SenderIsContract"],
        [-32010, "sender not an eoa"],
        [-32010, "failed to recover sender"],
        [-32010, "transaction invalid"],
      ],
      erigon: [
        [-32000, "invalid sender"],
        [-32000, "unsupported transaction type"],
      ],
      besu: [
        [-32000, "Wrong chainId"],
        [-32000, "Transaction fee cap exceeded"],
        [-32000, "Max priority fee per gas exceeds max fee per gas"],
        [-32007, "Sender account not authorized to send transactions"],
        [-32002, "Invalid signature"],
      ],
    },
  },
}
