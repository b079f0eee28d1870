import { defineConfig } from "hardhat/config"

/** Hardhat's node as another kind of chain: `free`, whose base fee is 0, or `legacy`, from before base fees (EIP-1559). */
const kind = process.env.CHAIN_KIND === "legacy" ? "legacy" : "free"

export default defineConfig({
  solidity: "0.8.37",
  networks: {
    node: {
      type: "edr-simulated",
      chainType: "l1",
      chainId: 31337,
      accounts: { count: 20 },
      allowBlocksWithSameTimestamp: true,
      ...(kind === "legacy" ? { hardfork: "berlin" } : { hardfork: "osaka", initialBaseFeePerGas: 0 }),
    },
  },
})
