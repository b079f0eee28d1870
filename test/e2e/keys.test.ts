import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { keyFromHex } from "../../src/adapters/ethereum/keys.ts"
import { createLaneLevers } from "../../src/adapters/postgres/chain-writer/lane-levers.ts"
import type { Sql } from "../../src/adapters/postgres/client.ts"
import { append } from "../../src/adapters/postgres/event-log/append.ts"
import { allTopics, topicsWithPrefix } from "../../src/bus/topics.ts"
import { seededRandom } from "../../src/demo/random.ts"
import { createBranch, type TestBranch } from "../support/branch.ts"
import { openTestChain, type TestChain } from "../support/chain.ts"
import { anySubject } from "../support/event-builders.ts"
import { type FaultProxy, RPC_FAULTS, startFaultProxy } from "../support/faults/fault-proxy.ts"
import { readAll } from "../support/kafka.ts"
import { startTestSigner, type TestSigner } from "../support/remote-signer.ts"
import { until } from "../support/until.ts"

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
const ENDPOINT_KEY = "canary-of-the-endpoint-7b1f"
const SIGNER_PASSWORD = "canary-of-the-signer-93ce"

/** A service in a process of its own, with a directory of keys that change while it runs. */
describe("signing keys", { timeout: 120_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), "caregrid-keys-"))
  const canaries: string[] = []
  let chain: TestChain
  let proxy: FaultProxy
  let branch: TestBranch
  let signer: TestSigner
  let service: ChildProcess
  let output = ""

  beforeAll(async () => {
    chain = await openTestChain()
    proxy = await startFaultProxy(inject("blockchainProviderUrl"), seededRandom(1))
    signer = await startTestSigner()
    const settings = {
      BLOCKCHAIN_PRIVATE_KEY_FILE: directory,
      BLOCKCHAIN_PROVIDER_URL: `${proxy.url}/v3/${ENDPOINT_KEY}`,
    }
    branch = await createBranch(chain, { lanes: 1, settings })
    await newLane("first")
    service = run("run", "--roles", "relay,chain-writer")
  })
  afterAll(async () => {
    service.kill("SIGTERM")
    await once(service, "exit")
    proxy.close()
    signer.close()
    rmSync(directory, { recursive: true, force: true })
    await branch.close()
    chain.close()
  })

  function run(...args: string[]): ChildProcess {
    return runWith({}, ...args)
  }

  function runWith(settings: Readonly<Record<string, string>>, ...args: string[]): ChildProcess {
    const { PATH = "", HOME = "" } = process.env
    const env = { PATH, HOME, ...branch.environment, LOG_LEVEL: "trace", ...settings }
    const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output += text
      })
    }
    return child
  }

  /** Also of one that goes on although it should not. */
  async function ended(child: ChildProcess): Promise<void> {
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000)
    await once(child, "exit")
    clearTimeout(timer)
    expect(child.signalCode, output.slice(-2_000)).toBe(null)
  }

  async function newLane(name: string): Promise<`0x${string}`> {
    const key = await chain.newWriterKey()
    canaries.push(key.slice(2))
    writeFileSync(join(directory, name), key, { mode: 0o600 })
    return keyFromHex(key).address
  }

  async function confirm(count: number): Promise<void> {
    const { sql } = branch.database
    const before = await confirmed(sql)
    for (let n = 0; n < count; n += 1) {
      await append(sql, { type: "register-patient.requested", subject: anySubject(), payload: {} })
    }
    await until(
      () => confirmed(sql),
      found => found === before + count,
      60_000,
    )
  }

  it("come and go while the service runs: a lane is added, drained, and its key taken away", async () => {
    const levers = createLaneLevers(branch.database.sql)
    await confirm(3)
    const [old] = await levers.list()
    if (!old) throw new Error("no lane has run")
    const fresh = await newLane("second")
    await until(
      () => levers.list(),
      lanes => lanes.some(({ address }) => address === fresh),
      20_000,
    )
    await ended(run("lane", "drain", old.address))
    await confirm(5)
    const lane = async (address: string) => (await levers.list()).find(each => each.address === address)
    const drained = await until(
      () => lane(old.address),
      found => found?.openTransactions === 0,
    )
    rmSync(join(directory, "first"))
    await until(
      () => lane(old.address),
      found => found?.holder === null,
      20_000,
    )
    await confirm(5)
    expect((await lane(old.address))?.nextNonce).toBe(drained?.nextNonce)
    expect((await lane(fresh))?.nextNonce).toBeGreaterThan(0)
  })

  it("are in no log, row, topic or error, whatever fails", async () => {
    // Without the one that makes every call wait for the service's own time limit.
    proxy.faults(
      RPC_FAULTS.filter(fault => fault !== "timeout"),
      0.2,
    )
    await confirm(10)
    proxy.faults([], 0)
    // A file that holds a key and more, and one that others may read.
    const broken = join(directory, "third")
    writeFileSync(broken, `0x${canaries[0]}77`, { mode: 0o600 })
    await ended(run("run", "--roles", "chain-writer"))
    chmodSync(broken, 0o644)
    await ended(run("run", "--roles", "chain-writer"))
    rmSync(broken)
    await writeWithRemoteSigner()
    const places = {
      output,
      database: await everyRow(branch.database.sql),
      topics: await everyMessage(),
    }
    expect(output).toContain("must hold one private key")
    expect(output).toContain("can be read by others")
    for (const text of Object.values(places)) expect(text.length).toBeGreaterThan(1_000)
    for (const [place, text] of Object.entries(places)) {
      for (const canary of canaries) {
        const forms = [canary, canary.toUpperCase(), BigInt(`0x${canary}`).toString(), base64(canary)]
        expect(
          forms.filter(form => text.includes(form)),
          place,
        ).toEqual([])
      }
      expect(text.includes(ENDPOINT_KEY), `${place}: the endpoint's key`).toBe(false)
      const password = [SIGNER_PASSWORD, Buffer.from(`lane:${SIGNER_PASSWORD}`).toString("base64")]
      expect(
        password.filter(form => text.includes(form)),
        `${place}: the signer's password`,
      ).toEqual([])
    }
  })

  /** The service again, with one lane whose key is with a server that fails in several ways before it signs. */
  async function writeWithRemoteSigner(): Promise<void> {
    const key = await chain.newWriterKey()
    canaries.push(key.slice(2))
    const address = signer.add(key)
    service.kill("SIGTERM")
    await once(service, "exit")
    const settings = {
      BLOCKCHAIN_PRIVATE_KEY_FILE: "",
      BLOCKCHAIN_SIGNER_URL: signer.url.replace("//", `//lane:${SIGNER_PASSWORD}@`),
      BLOCKCHAIN_SIGNER_ADDRESSES: address,
    }
    service = runWith(settings, "run", "--roles", "relay,chain-writer")
    const confirming = confirm(5)
    for (const mood of ["down", "refuses", "other-key", "other-data"] as const) {
      signer.mood(mood)
      const asked = signer.asked.length
      await until(
        () => signer.asked.length,
        count => count > asked + 1,
        20_000,
      )
    }
    const levers = createLaneLevers(branch.database.sql)
    const findings = async () =>
      (await levers.list()).find(each => each.address === address)?.findings.join() ?? ""
    await until(findings, found => found === "not-signed", 20_000)
    signer.mood("good")
    await confirming
    await until(findings, found => found === "", 20_000)
  }

  async function everyMessage(): Promise<string> {
    const { TOPIC_PREFIX = "" } = branch.environment
    const messages = await readAll(allTopics(topicsWithPrefix(TOPIC_PREFIX)))
    return messages
      .map(message => JSON.stringify(message, (_key, value: unknown) => bigintSafe(value)))
      .join("\n")
  }
})

function bigintSafe(value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value
}

function base64(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64")
}

async function confirmed(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from reconciler.outbox where type = 'register-patient.confirmed'`
  return row?.count ?? 0
}

/** As PostgreSQL writes rows: bytes in hex. */
async function everyRow(sql: Sql): Promise<string> {
  const tables = await sql<{ name: string }[]>`
    select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables
    where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`
  const texts: string[] = []
  for (const { name } of tables) {
    const rows = await sql.unsafe<{ text: string }[]>(`select t::text as text from ${name} t`)
    texts.push(...rows.map(row => row.text))
  }
  return texts.join("\n")
}
