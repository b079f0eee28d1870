/**
 * Compiler, Solidity tests and the development chain.
 *
 *   hardhat --config contracts/hardhat.config.ts compile
 *   hardhat --config contracts/hardhat.config.ts test solidity
 *   hardhat --config contracts/hardhat.config.ts node --hostname 127.0.0.1 --port 8545
 *
 * The node: always give `--hostname` (inside Docker the default is 0.0.0.0); `--port 0` lets the system choose a free
 * one. It is ready when it prints "Started HTTP and WebSocket JSON-RPC server at http://host:port/", and stops at
 * SIGTERM. Chain id 31337, the 20 accounts of the default mnemonic, 10,000 ETH each; all of it is in memory. It
 * prints a line a request for as long as it runs: read its output, or the pipe fills and it stands still.
 * CHAIN_BLOCK_INTERVAL_MS chooses the mining: 0 or unset mines a block at each transaction, any other number
 * mines every that many milliseconds (transactions wait for the block, as on a real chain).
 */
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { defineConfig } from "hardhat/config"

const blockIntervalMs = Number(process.env.CHAIN_BLOCK_INTERVAL_MS ?? "0")
if (!Number.isInteger(blockIntervalMs) || blockIntervalMs < 0) {
  throw new Error("CHAIN_BLOCK_INTERVAL_MS must be a whole number of milliseconds, 0 or more")
}

const folder = (name: string) => fileURLToPath(new URL(name, import.meta.url))

export default defineConfig({
  paths: {
    sources: folder("src"),
    tests: { solidity: folder("test") },
    artifacts: folder("artifacts"),
    cache: folder("cache"),
  },
  solidity: {
    version: "0.8.37",
    // The compiler comes from npm, so that compiling works without a network.
    path: createRequire(import.meta.url).resolve("solc/soljson.js"),
    settings: {
      optimizer: { enabled: true, runs: 10_000 },
      evmVersion: "osaka",
      // Without the hash of the sources: a changed comment must not change the code that start-up compares.
      metadata: { bytecodeHash: "none" },
    },
  },
  networks: {
    node: {
      type: "edr-simulated",
      chainType: "l1",
      chainId: 31337,
      hardfork: "osaka",
      accounts: { count: 20 },
      // Otherwise each mined block moves the chain's clock a second on: 600 transactions put it ten minutes ahead.
      allowBlocksWithSameTimestamp: true,
      mining: { auto: blockIntervalMs === 0, interval: blockIntervalMs },
    },
  },
  test: {
    solidity: {
      // The same inputs at each run; another seed (32 bytes in hex) tries others.
      fuzz: { runs: 512, seed: process.env.FUZZ_SEED ?? `0x${"24".repeat(32)}` },
      invariant: { runs: 64, depth: 64, failOnRevert: true },
    },
  },
})
