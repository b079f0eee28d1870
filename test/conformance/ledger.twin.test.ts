import { randomBytes } from "node:crypto"
import type { Hex } from "../../src/chain-writer/ports.ts"
import { createInMemoryChain } from "../support/twins/ledger.ts"
import { createInMemorySigner } from "../support/twins/signer.ts"
import { type LedgerHarness, ledgerConformance } from "./ledger.ts"
import { registryConformance } from "./registry.ts"
import { signerConformance } from "./signer.ts"

const open = async (): Promise<LedgerHarness> => {
  const chain = createInMemoryChain({ nowMs: Date.now })
  const newAccount = async () => createInMemorySigner(anyAddress())
  return {
    ledger: chain.ledger,
    registry: chain.registry,
    nowhere: chain.nowhere(),
    newAccount,
    async newWriter() {
      const writer = await newAccount()
      chain.grant(writer.address)
      return writer
    },
    setBalance: async (address, wei) => chain.setBalance(address, wei),
    pause: async (type, paused) => chain.setObstacle(type, paused ? "paused" : null),
    close: async () => {},
  }
}

ledgerConformance("in memory", open)
registryConformance("in memory", open)
signerConformance("in memory", open)

function anyAddress(): Hex {
  return `0x${randomBytes(20).toString("hex")}`
}
