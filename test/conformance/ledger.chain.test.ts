import { randomBytes } from "node:crypto"
import { createLedger } from "../../src/adapters/ethereum/ledger.ts"
import { createRegistry } from "../../src/adapters/ethereum/registry.ts"
import { createSigner } from "../../src/adapters/ethereum/signer.ts"
import { openTestChain } from "../support/chain.ts"
import { type LedgerHarness, ledgerConformance } from "./ledger.ts"
import { registryConformance } from "./registry.ts"
import { signerConformance } from "./signer.ts"

const open = async (): Promise<LedgerHarness> => {
  const chain = await openTestChain()
  const { connection, addresses } = chain
  return {
    ledger: createLedger(connection),
    registry: type => createRegistry(connection, type, addresses[type]),
    nowhere: createRegistry(connection, "patient", `0x${randomBytes(20).toString("hex")}`),
    newWriter: async () => createSigner(await chain.newWriter(), connection.chainId),
    newAccount: async () => createSigner(await chain.newAccount(), connection.chainId),
    setBalance: chain.setBalance,
    pause: (type, paused) => chain.admin(type, paused ? "pause" : "unpause"),
    close: async () => chain.close(),
  }
}

ledgerConformance("a development node", open)
registryConformance("a development node", open)
signerConformance("a development node", open)
