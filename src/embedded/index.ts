import { type ChildProcessByStdio, spawn } from "node:child_process"
import { Socket } from "node:net"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import { EmbeddedError } from "./error.ts"
import { clearUp, footprintsOf } from "./footprint.ts"
import type {
  EmbeddedProgress,
  GuardianMessage,
  GuardianRequest,
  ServiceAddresses,
  ServiceName,
} from "./protocol.ts"

export { EmbeddedError } from "./error.ts"
export type { EmbeddedProgress, ServiceName } from "./protocol.ts"

export interface EmbeddedServices extends ServiceAddresses {
  /** Ends the services and deletes their data. Can be called more than once; resolves when nothing is left. */
  stop(): Promise<void>
}

export interface EmbeddedOptions {
  services: ReadonlySet<ServiceName>
  onProgress?: (progress: EmbeddedProgress) => void
  /** Called when a service ends by itself, or the guardian of all of them does. */
  onLost?: (message: string) => void
  /** Gives up starting; what was started is stopped before the rejection. After the start it has no effect. */
  signal?: AbortSignal
  /** Mines a block every so many milliseconds in place of one for each transaction. */
  chainBlockIntervalMs?: number
  /** Ports that must be used. One that is taken is an error; without one a free port is chosen. */
  ports?: { postgres?: number; kafka?: number; chain?: number }
}

type Guardian = ChildProcessByStdio<Writable, Readable, Readable>

const guardianPath = fileURLToPath(new URL("./guardian.ts", import.meta.url))
const stopWithinMs = 20_000

/**
 * Starts temporary services for trying and testing, all at the same time, and resolves when every one accepts clients.
 * They and their data go when `stop` is called or this process ends, however it ends.
 * Rejects with `EmbeddedError` where the machine lacks something, and with the signal's reason when that aborts.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServices> {
  options.signal?.throwIfAborted()
  const guardian = startGuardian({
    services: [...options.services],
    ports: options.ports ?? {},
    ...(options.chainBlockIntervalMs !== undefined && { chainBlockIntervalMs: options.chainBlockIntervalMs }),
  })
  let wanted = true
  const exited = new Promise<void>(resolve => guardian.once("close", () => resolve()))
  // A guardian that was killed cannot clear up: its parent does.
  const cleared = exited.then(() => Promise.all(footprintsOf(guardian.pid as number).map(clearUp)))
  const stop = async (): Promise<void> => {
    wanted = false
    guardian.stdin.end()
    const overdue = setTimeout(() => guardian.kill("SIGKILL"), stopWithinMs)
    await cleared.finally(() => clearTimeout(overdue))
  }

  try {
    const addresses = await readiness(guardian, exited, options)
    // From here on a caller that forgets to stop is not kept alive by its own infrastructure.
    guardian.unref()
    for (const stream of [guardian.stdin, guardian.stdout, guardian.stderr]) {
      if (stream instanceof Socket) stream.unref()
    }
    void exited.then(() => {
      if (wanted) options.onLost?.("The guardian of the embedded services ended; they are stopped.")
    })
    return { ...addresses, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function startGuardian(request: GuardianRequest): Guardian {
  const guardian = spawn(process.execPath, [guardianPath, JSON.stringify(request)], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  })
  guardian.stdin.on("error", () => undefined)
  return guardian
}

function readiness(
  guardian: Guardian,
  exited: Promise<void>,
  { onProgress, onLost, signal }: EmbeddedOptions,
): Promise<ServiceAddresses> {
  let complaint = ""
  guardian.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    complaint = (complaint + chunk).slice(-2_000)
  })
  return new Promise((resolve, reject) => {
    const give = (): void => reject(signal?.reason)
    signal?.addEventListener("abort", give, { once: true })
    createInterface({ input: guardian.stdout }).on("line", line => {
      const message: GuardianMessage = JSON.parse(line)
      if (message.type === "progress") onProgress?.(message.progress)
      if (message.type === "lost") onLost?.(message.message)
      if (message.type === "failed") reject(new EmbeddedError(message.message, message.exitCode))
      if (message.type === "ready") {
        signal?.removeEventListener("abort", give)
        resolve(message.addresses)
      }
    })
    exited.then(() => reject(new EmbeddedError(`The guardian of the embedded services ended.\n${complaint}`)))
    guardian.once("error", reject)
  })
}
