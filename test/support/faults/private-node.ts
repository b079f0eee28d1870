import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { freePort } from "../../../src/embedded/ports.ts"
import { until } from "../until.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const anvil = join(root, "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
const START_DEADLINE_MS = 60_000

/** A chain of a test's own, that may be reorganised, stopped and killed. */
export interface PrivateNode {
  readonly url: string
  /** A raw JSON-RPC call past every proxy; throws with the node's message. */
  rpc<T>(method: string, ...params: readonly unknown[]): Promise<T>
  /** SIGSTOP: connections are accepted by the kernel and never answered. */
  pause(): void
  resume(): void
  stop(): Promise<void>
}

/** Null where anvil can be run; else why not. It has only Linux packages here, and no other node can be reorganised. */
export function anvilMissing(): string | null {
  return existsSync(anvil)
    ? null
    : `no anvil for ${process.platform}-${process.arch}: reorganisations on a real node are not tested here`
}

/** Anvil, silent, first-come order of equal prices. `blockSeconds` mines by the clock in place of at each transaction. */
export async function startAnvil(
  options: { readonly blockSeconds?: number; readonly args?: readonly string[] } = {},
): Promise<PrivateNode> {
  const port = await freePort()
  const interval = options.blockSeconds === undefined ? [] : ["--block-time", String(options.blockSeconds)]
  const args = options.args ?? []
  const hardfork = args.includes("--hardfork") ? [] : ["--hardfork", "osaka"]
  const fixed = ["--port", String(port), "--silent", "--slots-in-an-epoch", "4", ...hardfork]
  return startNode(port, anvil, [...fixed, ...interval, ...args], {})
}

/** Hardhat's node: the one that refuses underpriced replacements. Of another kind: see other-chains.config.ts. */
export async function startHardhat(
  options: { readonly blockIntervalMs?: number; readonly kind?: "free" | "legacy" } = {},
): Promise<PrivateNode> {
  const port = await freePort()
  const hardhat = join(dirname(fileURLToPath(import.meta.resolve("hardhat"))), "cli.js")
  const { kind } = options
  const config = kind ? "test/support/faults/other-chains.config.ts" : "contracts/hardhat.config.ts"
  const args = [hardhat, "--config", join(root, config), "node"]
  return startNode(port, process.execPath, [...args, "--hostname", "127.0.0.1", "--port", String(port)], {
    HARDHAT_DISABLE_TELEMETRY: "true",
    ...(kind && { CHAIN_KIND: kind }),
    CHAIN_BLOCK_INTERVAL_MS: String(options.blockIntervalMs ?? 0),
  })
}

async function startNode(
  port: number,
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<PrivateNode> {
  const [program = "", ...programArgs] = [...leash(), command, ...args]
  const child = spawn(program, programArgs, {
    cwd: root,
    // Output that nobody reads would fill the pipe and stop the node.
    stdio: "ignore",
    env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...environment },
  })
  const url = `http://127.0.0.1:${port}`
  const node: PrivateNode = {
    url,
    rpc: (method, ...params) => call(url, method, params),
    pause: () => child.kill("SIGSTOP"),
    resume: () => child.kill("SIGCONT"),
    stop: () => end(child),
  }
  await until(
    () => node.rpc("eth_chainId").then(Boolean, () => child.exitCode !== null),
    Boolean,
    START_DEADLINE_MS,
  )
  if (child.exitCode !== null) throw new Error(`the node ended at once with exit code ${child.exitCode}`)
  return node
}

async function call<T>(url: string, method: string, params: readonly unknown[]): Promise<T> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  })
  const answer = (await response.json()) as { result: T; error?: { message: string } }
  if (answer.error) throw new Error(`${method}: ${answer.error.message}`)
  return answer.result
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once("exit", resolve))
  child.kill("SIGKILL")
  await gone
}

/** A test run that is killed must not leave a node behind. */
function leash(): readonly string[] {
  const setpriv = "/usr/bin/setpriv"
  return existsSync(setpriv) ? [setpriv, "--pdeathsig", "KILL", "--"] : []
}
