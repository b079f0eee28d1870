import { keccak256, type TransactionLike, Wallet } from "ethers"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { developmentPrivateKey } from "../../../src/adapters/ethereum/keys.ts"
import { createLedger } from "../../../src/adapters/ethereum/ledger.ts"
import { type ChainConnection, connectChain } from "../../../src/adapters/ethereum/provider.ts"
import { lowerHex } from "../../../src/adapters/ethereum/registries.ts"
import type { BroadcastOutcome } from "../../../src/chain-writer/ports.ts"
import {
  anvilMissing,
  type PrivateNode,
  startAnvil,
  startHardhat,
} from "../../support/faults/private-node.ts"

type Kind = BroadcastOutcome["kind"]

/** Blocks come only when asked for, so that transactions wait in the pool. */
const NODES = {
  hardhat: () => startHardhat({ blockIntervalMs: 3_600_000 }),
  anvil: () => startAnvil({ blockSeconds: 3_600 }),
}

const missing = anvilMissing()

/** The words themselves are in test/unit/adapters/ethereum/node-messages.ts: a node's new version may change them. */
describe.each(["hardhat", "anvil"] as const)("what %s says", { timeout: 120_000 }, name => {
  const isMissing = name === "anvil" && missing !== null
  let node: PrivateNode
  let connection: ChainConnection
  let wallet: Wallet

  beforeAll(async () => {
    if (isMissing) return
    node = await NODES[name]()
    connection = await connectChain({ url: node.url, requestTimeoutMs: 10_000 })
    wallet = new Wallet(developmentPrivateKey(connection.chainId, 0))
  }, 120_000)
  afterAll(async () => {
    connection?.close()
    await node?.stop()
  })

  async function sent(fields: TransactionLike, by = wallet): Promise<Kind> {
    const raw = await by.signTransaction({
      chainId: connection.chainId,
      type: 2,
      to: by.address,
      gasLimit: 21_000n,
      maxFeePerGas: 10n ** 10n,
      maxPriorityFeePerGas: 10n ** 9n,
      ...fields,
    })
    const outcome = await createLedger(connection).broadcast({
      raw: lowerHex(raw),
      hash: lowerHex(keccak256(raw)),
    })
    return outcome.kind
  }

  it.skipIf(isMissing)("is taken for what it means", async () => {
    expect(await sent({ nonce: 0 })).toBe("accepted")
    const poor = new Wallet(`0x${"5c".repeat(32)}`)
    const data = `0x${"ff".repeat(100)}`
    const said = {
      again: await sent({ nonce: 0 }),
      replaced: await sent({ nonce: 0, gasLimit: 22_000n }),
      poor: await sent({ nonce: 0 }, poor),
      "without gas": await sent({ nonce: 1, gasLimit: 20_000n }),
      "below the floor": await sent({ nonce: 1, gasLimit: 22_000n, data }),
      "more than a block": await sent({ nonce: 1, gasLimit: 70_000_000n }),
      elsewhere: await sent({ nonce: 1, chainId: 5n }),
    }
    await node.rpc("evm_mine")
    const late = await sent({ nonce: 0, gasLimit: 23_000n })
    expect({ ...said, late }).toEqual({
      again: "already-known",
      replaced: "underpriced",
      poor: "insufficient-funds",
      "without gas": "rejected",
      // Anvil finds out in the block only.
      "below the floor": name === "anvil" ? "accepted" : "rejected",
      "more than a block": "too-large",
      elsewhere: "rejected",
      late: "nonce-too-low",
    })
  })
})
