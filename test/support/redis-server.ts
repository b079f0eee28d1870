import { spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createClient } from "@redis/client"
import { freePort } from "../../src/embedded/ports.ts"
import { debianProgram } from "./debian-program.ts"
import { until } from "./until.ts"

/** Debian's redis-server with the libraries that a small installation lacks. */
const PACKAGES = ["redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1"]

export interface RedisServer {
  readonly url: string
  /** Ends it at once, as kill -9 does. */
  kill(): Promise<void>
  /** On the same port, empty. */
  start(): Promise<void>
  close(): Promise<void>
}

/** A real redis-server on a free port: the machine's, or Debian's package unpacked into the cache. */
export async function startRedis(): Promise<RedisServer> {
  const { program, libraries } = await debianProgram("redis-server", {
    path: "usr/bin/redis-server",
    packages: PACKAGES,
  })
  const directory = await mkdtemp(join(tmpdir(), "redis-"))
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}/0`
  let child: ReturnType<typeof spawn> | undefined

  async function start(): Promise<void> {
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory]
    child = spawn(program, args, {
      stdio: "ignore",
      env: { ...process.env, ...(libraries && { LD_LIBRARY_PATH: libraries }) },
    })
    await until(
      () => answers(url),
      answered => answered,
    )
  }

  async function kill(): Promise<void> {
    const running = child
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const ended = new Promise(resolve => running.once("exit", resolve))
    running.kill("SIGKILL")
    await ended
  }

  await start()
  return {
    url,
    kill,
    start,
    async close() {
      await kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function answers(url: string): Promise<boolean> {
  const client = createClient({ url, socket: { reconnectStrategy: false, connectTimeout: 1_000 } })
  client.on("error", () => undefined)
  try {
    await client.connect()
    return (await client.ping()) === "PONG"
  } catch {
    return false
  } finally {
    client.destroy()
  }
}
