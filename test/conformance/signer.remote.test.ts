import { randomBytes } from "node:crypto"
import { createLedger } from "../../src/adapters/ethereum/ledger.ts"
import { createRegistry } from "../../src/adapters/ethereum/registry.ts"
import { remoteKeys } from "../../src/adapters/ethereum/remote-signer.ts"
import { createSigner } from "../../src/adapters/ethereum/signer.ts"
import type { Signer } from "../../src/chain-writer/ports.ts"
import { openTestChain } from "../support/chain.ts"
import { startTestSigner } from "../support/remote-signer.ts"
import type { LedgerHarness } from "./ledger.ts"
import { signerConformance } from "./signer.ts"

const openWith = async (kind: "web3signer" | "clef"): Promise<LedgerHarness> => {
  const [chain, server] = await Promise.all([openTestChain(), startTestSigner(kind)])
  const { connection, addresses } = chain
  const signerOf = (privateKey: string): Signer => {
    const keys = remoteKeys({ url: server.url, addresses: [server.add(privateKey)], timeoutMs: 5_000 })
    const [key] = keys
    if (!key) throw new Error("no key")
    return createSigner(key, connection.chainId)
  }
  return {
    ledger: createLedger(connection),
    registry: type => createRegistry(connection, type, addresses[type]),
    nowhere: createRegistry(connection, "patient", `0x${randomBytes(20).toString("hex")}`),
    newWriter: async () => signerOf(await chain.newWriterKey()),
    newAccount: async () => signerOf(`0x${randomBytes(32).toString("hex")}`),
    setBalance: chain.setBalance,
    pause: (type, paused) => chain.admin(type, paused ? "pause" : "unpause"),
    async close() {
      server.close()
      chain.close()
    },
  }
}

signerConformance("a remote signer like Web3Signer", () => openWith("web3signer"))
signerConformance("a remote signer like Clef", () => openWith("clef"))
