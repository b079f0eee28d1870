import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { startChild } from "./child.ts"
import { EmbeddedError } from "./error.ts"
import { withPort } from "./ports.ts"
import type { RunningService, ServiceContext } from "./service.ts"

const projectRoot = fileURLToPath(new URL("../..", import.meta.url))
const hardhatConfig = join(projectRoot, "contracts", "hardhat.config.ts")
const hardhat = join(dirname(fileURLToPath(import.meta.resolve("hardhat"))), "cli.js")

/**
 * Starts a Hardhat node with the development chain of contracts/hardhat.config.ts, chain id 31337, in memory.
 * `blockIntervalMs` mines by the clock in place of a block for each transaction.
 */
export function startChain(
  context: ServiceContext,
  options: { port?: number; blockIntervalMs?: number } = {},
): Promise<RunningService> {
  const { footprint, environment, step } = context
  const interval = options.blockIntervalMs
  return step("start the chain", () =>
    withPort("the embedded chain", options.port, async port => {
      const child = await startChild(footprint, {
        command: process.execPath,
        args: [hardhat, "--config", hardhatConfig, "node", "--hostname", "127.0.0.1", "--port", String(port)],
        cwd: projectRoot,
        role: "group",
        environment: {
          ...environment,
          HARDHAT_DISABLE_TELEMETRY: "true",
          ...(interval !== undefined && { CHAIN_BLOCK_INTERVAL_MS: String(interval) }),
        },
      })
      if (await child.line(/Started HTTP and WebSocket JSON-RPC server/)) {
        const address = `http://127.0.0.1:${port}`
        await silence(address)
        return { pid: child.pid, address, exited: child.exited, tail: child.tail }
      }
      if (/already in use|EADDRINUSE/.test(child.tail())) return "port-taken"
      throw new EmbeddedError(`The development chain did not start.\n${child.tail()}`)
    }),
  )
}

/** The node prints every call it answers, which costs more time than many of the calls. */
async function silence(url: string): Promise<void> {
  const call = { jsonrpc: "2.0", id: 1, method: "hardhat_setLoggingEnabled", params: [false] }
  const headers = { "content-type": "application/json" }
  await fetch(url, { method: "POST", headers, body: JSON.stringify(call) })
}
