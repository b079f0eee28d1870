import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { inject } from "vitest"

const MAIN = join(import.meta.dirname, "../../src/main.ts")
const NO_CONTRACT = `0x${"1".repeat(40)}`

export interface ServiceProcess {
  readonly child: ChildProcess
  /** All it has logged. */
  output(): string
  /** Ends it in order, if it has not ended; its exit code. */
  stop(): Promise<number | null>
}

/** A command of the reconciler in a process of its own, over the test's servers; there is no contract. */
export function startService(
  argv: readonly string[],
  settings: Readonly<Record<string, string>>,
): ServiceProcess {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    env: {
      PATH: process.env.PATH ?? "",
      HOME: process.env.HOME ?? "",
      // It ends with us, also when the test run is killed with -9.
      RECONCILER_PARENT_PID: String(process.pid),
      KAFKA_BROKERS: inject("kafkaBrokers").join(","),
      BLOCKCHAIN_PROVIDER_URL: inject("blockchainProviderUrl"),
      PATIENT_REGISTRY_ADDRESS: NO_CONTRACT,
      BLOCKED_IP_REGISTRY_ADDRESS: NO_CONTRACT,
      ATTACK_SIGNATURE_REGISTRY_ADDRESS: NO_CONTRACT,
      LOG_FORMAT: "json",
      ...settings,
    },
    stdio: ["ignore", "ignore", "pipe"],
  })
  let output = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output += text
  })
  return {
    child,
    output: () => output,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, "exit")
        child.kill("SIGTERM")
        await exited
      }
      return child.exitCode
    },
  }
}
