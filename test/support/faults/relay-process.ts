import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { inject } from "vitest"

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url))
const NO_CONTRACT = `0x${"1".repeat(40)}`
const KEPT_OUTPUT = 20_000

/** A relay in a process of its own, to be stopped, woken and killed. */
export interface RelayProcess {
  pause(): void
  resume(): void
  kill(): Promise<void>
  stop(): Promise<void>
  /** The end of its log. */
  output(): string
}

export function startRelayProcess(options: {
  readonly databaseUrl: string
  readonly topicPrefix: string
  readonly settings: Readonly<Record<string, string>>
}): RelayProcess {
  const child = spawn(process.execPath, [MAIN, "run", "--roles", "relay"], {
    env: {
      PATH: process.env.PATH ?? "",
      HOME: process.env.HOME ?? "",
      RECONCILER_PARENT_PID: String(process.pid),
      DATABASE_URL: options.databaseUrl,
      KAFKA_BROKERS: inject("kafkaBrokers").join(","),
      BLOCKCHAIN_PROVIDER_URL: "http://127.0.0.1:1",
      PATIENT_REGISTRY_ADDRESS: NO_CONTRACT,
      BLOCKED_IP_REGISTRY_ADDRESS: NO_CONTRACT,
      ATTACK_SIGNATURE_REGISTRY_ADDRESS: NO_CONTRACT,
      TOPIC_PREFIX: options.topicPrefix,
      LOG_LEVEL: "info",
      LOG_FORMAT: "json",
      ...options.settings,
    },
    stdio: ["ignore", "ignore", "pipe"],
  })
  let output = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-KEPT_OUTPUT)
  })
  return {
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    kill: () => end(child, "SIGKILL"),
    stop: async () => {
      // A stopped process would not see the request to end.
      child.kill("SIGCONT")
      await end(child, "SIGTERM")
    },
    output: () => output,
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, "exit")
  child.kill(signal)
  await exited
}
