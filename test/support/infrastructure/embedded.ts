import { startEmbedded } from "../../../src/embedded/index.ts"
import type { Infrastructure } from "./infrastructure.ts"

/** All three services as processes of this machine; they go with the test run, however it ends. */
export async function startEmbeddedInfrastructure(report: (line: string) => void): Promise<Infrastructure> {
  const { databaseUrl, kafkaBrokers, blockchainProviderUrl, stop } = await startEmbedded({
    services: new Set(["postgres", "kafka", "chain"]),
    onProgress: ({ service, step, seconds, state }) => {
      if (state === "done") report(`${service}: ${step} (${seconds} s)`)
    },
    onLost: report,
  })
  if (databaseUrl === undefined || kafkaBrokers === undefined || blockchainProviderUrl === undefined) {
    await stop()
    throw new Error("embedded infrastructure came up without all that was asked for")
  }
  return { databaseUrl, kafkaBrokers, blockchainProviderUrl, stop }
}
