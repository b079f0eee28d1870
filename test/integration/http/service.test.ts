import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { EXIT } from "../../../src/runtime/errors.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { type ServiceProcess, startService } from "../../support/service-process.ts"
import { until } from "../../support/until.ts"
import { insertEvent } from "../outbox/insert-event.ts"

const TOKEN = "a-token-of-enough-letters"

describe("a running service's health and metrics", () => {
  let database: TestDatabase
  let directory: string
  let prefix: string
  let services: ServiceProcess[]
  beforeEach(async () => {
    database = await createTestDatabase()
    directory = mkdtempSync(join(tmpdir(), "caregrid-http-"))
    prefix = `http-${database.url.slice(-8)}`
    services = []
  })
  afterEach(async () => {
    await Promise.all(services.map(service => service.stop()))
    rmSync(directory, { recursive: true })
    await database.drop()
  })

  function spawnRelay(settings: Readonly<Record<string, string>>): ServiceProcess {
    const servers = { DATABASE_URL: database.url, TOPIC_PREFIX: prefix }
    const service = startService(["run", "--roles", "relay"], { ...servers, ...settings })
    services.push(service)
    return service
  }

  async function start(settings: Readonly<Record<string, string>> = {}): Promise<{ readonly url: string }> {
    const { output } = spawnRelay({ HTTP_PORT: "0", ...settings })
    await until(output, text => text.includes('"relay active"') || text.includes('"running"'), 30_000)
    const url = /"url":"(http:[^"]+)","msg":"answers HTTP"/.exec(output())?.[1]
    if (!url) throw new Error(output())
    return { url }
  }

  async function metrics(url: string): Promise<ReadonlyMap<string, number>> {
    const text = await (await fetch(`${url}/metrics`)).text()
    const lines = text.split("\n").filter(line => line !== "" && !line.startsWith("#"))
    return new Map(lines.map(line => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]))
  }

  test("who leads, what waits for whom, and that it ends: all from the database's own rows", async () => {
    const { url } = await start()
    const active = await until(
      () => metrics(url),
      found => found.get("caregrid_relay_active") === 1,
    )
    expect(active.get("caregrid_relay_epoch")).toBe(1)
    expect(active.get("caregrid_log_partitions")).toBe(8)
    expect(active.get("caregrid_log_partitions_ahead")).toBe(7)
    expect(active.get("caregrid_log_bytes")).toBeGreaterThan(0)
    expect(active.get('caregrid_source_up{source="kafka"}')).toBe(1)
    const request = `caregrid_consumer_lag_messages{group="${prefix}.projector",topic="${prefix}.patient"}`
    expect(active.get(request)).toBe(0)

    const { promise, resolve } = Promise.withResolvers<void>()
    const open = database.sql.begin(async tx => {
      await insertEvent(tx)
      await promise
    })
    const held = await until(
      () => metrics(url),
      found => (found.get("caregrid_relay_horizon_stall_seconds") ?? 0) > 0.2,
    )
    expect(held.get("caregrid_relay_horizon_holders")).toBe(1)
    await insertEvent(database.sql)
    const waiting = await until(
      () => metrics(url),
      found => found.get("caregrid_relay_events_waiting") === 1,
    )
    expect(waiting.get("caregrid_relay_oldest_unpublished_age_seconds")).toBeGreaterThan(0)
    resolve()
    await open
    const after = await until(
      () => metrics(url),
      found => found.get("caregrid_relay_events_waiting") === 0,
    )
    expect(after.get("caregrid_relay_horizon_holders")).toBe(0)
    expect(after.get('caregrid_stage_passes_total{stage="relay"}')).toBeGreaterThan(0)
    // Neither a pid, nor a statement, nor a subject.
    expect([...after.keys()].filter(key => /0x[0-9a-f]{64}|insert|pid/i.test(key))).toEqual([])

    const ready = await fetch(`${url}/readyz?verbose`)
    expect(await ready.text()).toMatch(/^\[\+\] postgres\n\[\+\] kafka\n\[\+\] relay\n/)
    expect((await fetch(`${url}/livez`)).status).toBe(200)
  })

  test("two on one machine take ports of their own; a port that is taken is said so", async () => {
    const [one, two] = await Promise.all([start(), start()])
    expect(one.url).not.toBe(two.url)
    expect((await fetch(`${two.url}/livez`)).status).toBe(200)
    const { child, output } = spawnRelay({ HTTP_PORT: new URL(one.url).port })
    await once(child, "exit")
    expect(child.exitCode).toBe(EXIT.unavailable)
    expect(output()).toContain("HTTP_PORT")
  })

  test("other machines are answered with a token only", async () => {
    const refused = spawnRelay({ HTTP_PORT: "0", HTTP_HOST: "0.0.0.0" })
    await once(refused.child, "exit")
    expect(refused.child.exitCode).toBe(EXIT.configuration)
    expect(refused.output()).toContain("HTTP_TOKEN_FILE is missing")

    const file = join(directory, "token")
    writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 })
    const { url } = await start({ HTTP_HOST: "0.0.0.0", HTTP_TOKEN_FILE: file })
    const address = url.replace("0.0.0.0", "127.0.0.1")
    expect((await fetch(`${address}/livez`)).status).toBe(200)
    expect((await fetch(`${address}/metrics`)).status).toBe(401)
    const headers = { authorization: `Bearer ${TOKEN}` }
    expect((await fetch(`${address}/metrics`, { headers })).status).toBe(200)
  })
})
