import { pino } from "pino"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { remoteKeys } from "../../../src/adapters/ethereum/remote-signer.ts"
import { createSigner } from "../../../src/adapters/ethereum/signer.ts"
import { readChainWriterStatus } from "../../../src/adapters/postgres/chain-writer/status.ts"
import type { Signer } from "../../../src/chain-writer/ports.ts"
import type { LaneWriter } from "../../../src/chain-writer/writer.ts"
import { type Logger, loggableError } from "../../../src/runtime/logger.ts"
import { type ChainWriterBench, openChainWriterBench } from "../../support/chain-writer.ts"
import { anySubject, event } from "../../support/event-builders.ts"
import { type SignerMood, startTestSigner, type TestSigner } from "../../support/remote-signer.ts"

const PASSWORD = "canary-of-the-signer"

/** A lane whose key is with a server, over HTTP; the server is a stand-in, see startTestSigner. */
describe("a remote signer", () => {
  const { signal } = new AbortController()
  let bench: ChainWriterBench
  let server: TestSigner
  let signer: Signer
  let writer: LaneWriter
  let logged: string[]

  beforeEach(async () => {
    ;[bench, server] = await Promise.all([openChainWriterBench(), startTestSigner()])
    const address = server.add(await bench.chain.newWriterKey())
    const url = server.url.replace("//", `//lane:${PASSWORD}@`)
    const [key] = remoteKeys({ url, addresses: [address], timeoutMs: 400 })
    if (!key) throw new Error("no key")
    signer = createSigner(key, bench.chain.connection.chainId)
    logged = []
    const lines = { write: (line: string) => void logged.push(line) }
    const logger: Logger = pino({ level: "trace", serializers: { err: loggableError } }, lines)
    writer = bench.newWriter(key, { signer, logger })
    await bench.requested(event("register-patient.requested", anySubject()))
  })
  afterEach(async () => {
    server.close()
    await bench.close()
  })

  async function findings(): Promise<readonly string[]> {
    return (await readChainWriterStatus(bench.database.sql)).findings.map(({ finding }) => finding)
  }

  async function attempts(): Promise<number> {
    const [row] = await bench.database.sql<{ count: number }[]>`
      select count(*)::int as count from reconciler.chain_attempts`
    return row?.count ?? 0
  }

  const BAD: readonly SignerMood[] = [
    "silent",
    "down",
    "refuses",
    "no-json",
    "redirects",
    "other-key",
    "other-nonce",
    "other-data",
    "higher-fee",
  ]
  it.each(BAD)(
    "that is %s: nothing is stored or sent, the lane says so, and goes on when it is good",
    async mood => {
      server.mood(mood)
      for (let pass = 0; pass < 3; pass += 1) await writer.tick(signal)
      expect(await findings()).toEqual(["not-signed"])
      expect(await attempts()).toBe(0)
      expect(await bench.chain.connection.provider.getTransactionCount(signer.address)).toBe(0)
      server.mood("good")
      await bench.finish(writer)
      expect(await findings()).toEqual([])
      expect([...(await bench.timesApplied("patient")).values()]).toEqual([1])
      const text = logged.join("\n")
      expect(text).toContain("no signature, will ask again")
      for (const secret of [
        PASSWORD,
        "secret-of-the-signer",
        Buffer.from(`lane:${PASSWORD}`).toString("base64"),
      ]) {
        expect(text).not.toContain(secret)
      }
    },
  )

  it("logs in with what its address has", async () => {
    await bench.finish(writer)
    const expected = `Basic ${Buffer.from(`lane:${PASSWORD}`).toString("base64")}`
    expect(server.asked.map(({ authorization }) => authorization)).toContain(expected)
  })

  it("that takes its time finds no database transaction open meanwhile", async () => {
    server.mood("slow")
    const pass = writer.tick(signal)
    await server.waiting()
    const open = await bench.database.sql<{ query: string }[]>`
      select query from pg_stat_activity
      where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()`
    const locks = await bench.database.sql<{ relation: string }[]>`
      select relation::regclass::text as relation from pg_locks
      where locktype = 'relation' and pid <> pg_backend_pid() and database = (
        select oid from pg_database where datname = current_database())`
    server.answer()
    await pass
    expect(open).toEqual([])
    expect(locks).toEqual([])
    server.mood("good")
    await bench.finish(writer)
  })

  it("that answers only after the lane was taken over has its bytes thrown away", async () => {
    server.mood("slow")
    const pass = writer.tick(signal)
    await server.waiting()
    await bench.database.sql`update reconciler.chain_lanes set epoch = epoch + 1, holder = 'another'`
    server.answer()
    await pass
    expect(await attempts()).toBe(0)
    expect(await bench.chain.connection.provider.getTransactionCount(signer.address)).toBe(0)
    await bench.database.sql`update reconciler.chain_lanes set leased_until = clock_timestamp()`
    server.mood("good")
    await bench.finish(writer)
    expect([...(await bench.timesApplied("patient")).values()]).toEqual([1])
  })
})
