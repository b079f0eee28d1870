import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type EmbeddedServices, startEmbedded } from "../../src/embedded/index.ts"

const holderPath = join(import.meta.dirname, "embedded-holder.ts")

interface Held {
  holder: ChildProcess
  guardianPid: number
  directory: string
  pids: number[]
  ports: number[]
  /** Resolves with the next line the holder prints. */
  nextLine(): Promise<Record<string, unknown>>
}

const holders: ChildProcess[] = []
const sharedTmp = process.env.TMPDIR
let ownTmp = ""
// A temporary directory of our own, so that what lies there is ours.
beforeEach(() => {
  ownTmp = mkdtempSync("/tmp/embedded-test-")
  chmodSync(ownTmp, 0o711)
  process.env.TMPDIR = ownTmp
})
afterEach(() => {
  for (const holder of holders.splice(0)) holder.kill("SIGKILL")
  if (sharedTmp === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = sharedTmp
  rmSync(ownTmp, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
})

describe("embedded services", () => {
  it("are gone after kill -9 of the process that started them", async () => {
    const held = await hold("postgres,kafka,chain")
    for (const port of held.ports) expect(await accepts(port)).toBe(true)
    held.holder.kill("SIGKILL")
    await nothingLeft(held)
  })

  it("are gone after kill -9 of their guardian, and their user is told", async () => {
    const held = await hold("postgres,kafka,chain")
    const told = held.nextLine()
    process.kill(held.guardianPid, "SIGKILL")
    await nothingLeft(held)
    expect(await told).toMatchObject({ lost: expect.stringMatching(/guardian/) })
  })

  it("are gone after stop, which may be called twice", async () => {
    const services = await startEmbedded({ services: new Set(["postgres", "chain"]) })
    const held = footprintOf(services)
    await Promise.all([services.stop(), services.stop()])
    await nothingLeft(held, 0)
  })

  it("are gone after stop although somebody deleted their directory", async () => {
    const services = await startEmbedded({ services: new Set(["chain"]) })
    const held = footprintOf(services)
    rmSync(held.directory, { recursive: true })
    const begun = performance.now()
    await services.stop()
    expect(performance.now() - begun).toBeLessThan(10_000)
    await nothingLeft(held, 0)
  })

  it("are cleared away by the next start when guardian and parent were killed at once", async () => {
    const held = await hold("chain")
    // Stopped first, so that it does not clear up itself before it is killed.
    held.holder.kill("SIGSTOP")
    process.kill(held.guardianPid, "SIGKILL")
    held.holder.kill("SIGKILL")
    await until(() => isGone(held.guardianPid) && isGone(held.holder.pid as number), "both are dead")
    await until(() => held.pids.every(isGone), "the kernel ended what the guardian had started")
    expect(existsSync(held.directory)).toBe(true)

    const next = await startEmbedded({ services: new Set(["chain"]) })
    await next.stop()
    await nothingLeft(held)
  })

  it("that are no longer wanted while they start leave nothing", async () => {
    const giveUp = new AbortController()
    const start = startEmbedded({
      services: new Set(["postgres", "kafka"]),
      signal: giveUp.signal,
      onProgress: () => giveUp.abort(new Error("changed my mind")),
    })
    await expect(start).rejects.toThrow("changed my mind")
    expect(footprints()).toEqual([])
  })

  it("tell their user when one of them ends by itself", async () => {
    const held = await hold("chain")
    const told = held.nextLine()
    process.kill(held.pids[0] as number, "SIGKILL")
    expect(await told).toMatchObject({ lost: expect.stringMatching(/chain ended by itself/) })
  })
})

describe("embedded services that cannot start", () => {
  it("name an occupied port and what to do", async () => {
    const squatter = createServer()
    await new Promise<void>(resolve => squatter.listen(0, "127.0.0.1", resolve))
    const port = (squatter.address() as { port: number }).port
    try {
      for (const service of ["postgres", "kafka", "chain"] as const) {
        const { line, exitCode } = await fail(service, { ports: { [service]: port } })
        expect(line).toMatch(
          new RegExp(`^Port ${port}, asked for by .*embedded .*is taken.*Stop the process`),
        )
        expect(exitCode).toBe(78)
      }
    } finally {
      squatter.close()
    }
  })

  it("say that Java is missing, and leave nothing of the services that did start", async () => {
    const environment = { ...process.env, PATH: dirname(process.execPath), JAVA_HOME: "" }
    const { line, exitCode } = await fail("postgres,kafka", {}, environment)
    expect(line).toMatch(
      /^Apache Kafka needs Java 17 or newer, and there is none in JAVA_HOME or the PATH\. Install/,
    )
    expect(exitCode).toBe(69)
    expect(footprints()).toEqual([])
  })
})

async function hold(services: string): Promise<Held> {
  const holder = spawn(process.execPath, [holderPath, services], { stdio: ["ignore", "pipe", "inherit"] })
  holders.push(holder)
  const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]()
  const nextLine = async () => JSON.parse((await lines.next()).value as string)
  const { services: started } = (await nextLine()) as { services: EmbeddedServices }
  return { holder, nextLine, ...footprintOf(started) }
}

function footprintOf(services: EmbeddedServices): Pick<Held, "guardianPid" | "directory" | "pids" | "ports"> {
  const pids = Object.values(services.pids)
  const directory = footprints().find(name => recordedPids(name).includes(pids[0] as number)) as string
  const urls = [services.databaseUrl, services.blockchainProviderUrl, ...(services.kafkaBrokers ?? [])]
  return {
    guardianPid: Number(/caregrid-embedded-(\d+)-/.exec(directory)?.[1]),
    directory,
    pids,
    ports: urls.filter(url => url !== undefined).map(url => Number(/:(\d+)(\/\w*)?$/.exec(url)?.[1])),
  }
}

async function fail(services: string, options: object, env: NodeJS.ProcessEnv = process.env) {
  const args = [holderPath, services, JSON.stringify(options)]
  const holder = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], env })
  holders.push(holder)
  let output = ""
  holder.stdout.setEncoding("utf8").on("data", chunk => {
    output += chunk
  })
  const exitCode = await new Promise(resolve => holder.once("close", resolve))
  return { line: JSON.parse(output).error as string, exitCode }
}

async function nothingLeft(
  { guardianPid, pids, ports, directory }: Omit<Held, "holder" | "nextLine">,
  withinMs = 10_000,
) {
  const processes = [guardianPid, ...pids]
  await until(() => processes.every(isGone), "every process is gone", withinMs)
  await until(() => !existsSync(directory), "the directory is gone", withinMs)
  for (const port of ports) expect(await accepts(port)).toBe(false)
}

const footprints = (): string[] =>
  readdirSync(tmpdir())
    .filter(name => name.startsWith("caregrid-embedded-"))
    .map(name => join(tmpdir(), name))

function recordedPids(directory: string): number[] {
  try {
    const record = JSON.parse(readFileSync(join(directory, "processes.json"), "utf8"))
    return record.processes.map(({ pid }: { pid: number }) => pid)
  } catch {
    return []
  }
}

/** A killed process that nobody has reaped yet is gone as well: it holds nothing any more. */
function isGone(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return true
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false))
    socket.once("connect", () => socket.destroy())
  })
}

async function until(condition: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
