import { chmod, chown, copyFile, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest"
import { assertReachable } from "../../../src/adapters/postgres/check.ts"
import { closeDatabase, openDatabase } from "../../../src/adapters/postgres/client.ts"
import { readConfig } from "../../../src/config.ts"
import { EXIT, OperatorError } from "../../../src/runtime/errors.ts"
import { type Authority, createAuthority } from "../../support/faults/certificates.ts"
import { type PrivatePostgres, startPrivatePostgres } from "../../support/faults/private-postgres.ts"
import { until } from "../../support/until.ts"

describe("PostgreSQL with sslmode=verify-full", { timeout: 90_000 }, () => {
  let directory: string
  let authority: Authority
  let other: Authority
  let server: PrivatePostgres
  let account: { uid: number; gid: number } | null

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "reconciler-tls-"))
    authority = await createAuthority(directory, "authority")
    other = await createAuthority(directory, "other")
    server = await startPrivatePostgres({
      settings: { ssl: "on" },
      async prepare(dataDirectory, runsAs) {
        account = runsAs
        await useCertificate(dataDirectory, authority, "DNS:localhost,IP:127.0.0.1")
        const rule = "hostssl all all 127.0.0.1/32 scram-sha-256\n"
        await writeFile(join(dataDirectory, "pg_hba.conf"), rule)
      },
    })
  }, 90_000)
  afterAll(async () => {
    await server?.close()
    await rm(directory, { recursive: true, force: true })
  })

  async function useCertificate(dataDirectory: string, from: Authority, names: string): Promise<void> {
    const { certificateFile, keyFile } = await from.issue(`server-${crypto.randomUUID()}`, names)
    for (const [source, name] of [
      [certificateFile, "server.crt"],
      [keyFile, "server.key"],
    ] as const) {
      const target = join(dataDirectory, name)
      await copyFile(source, target)
      await chmod(target, 0o600)
      if (account) await chown(target, account.uid, account.gid)
    }
  }

  /** As the service reads it from its environment. */
  function databaseUrl(file: string, url = `${server.url}?sslmode=verify-full`): string {
    const environment = { DATABASE_URL: url, DATABASE_SSL_CA_FILE: file }
    return readConfig(environment, { contracts: false, servers: ["postgres"] }).databaseUrl ?? ""
  }

  const open = (url: string) => openDatabase({ url, max: 2, applicationName: "test" })

  async function refusal(url: string): Promise<OperatorError> {
    const sql = open(url)
    const error: unknown = await assertReachable(sql).catch(reason => reason)
    await closeDatabase(sql)
    if (error instanceof OperatorError) return error
    throw new Error(`no clear error, but ${error}`)
  }

  test("speaks TLS with a server that the authority signed, by name and by address", async () => {
    const byName = `postgres://postgres:${server.password}@localhost:${server.port}/postgres?sslmode=verify-full`
    for (const url of [
      databaseUrl(authority.certificateFile),
      databaseUrl(authority.certificateFile, byName),
    ]) {
      const sql = open(url)
      const [row] = await sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`
      expect(row).toEqual({ ssl: true })
      await closeDatabase(sql)
    }
  })

  test("refuses a server that another authority signed, and one that bears another name", async () => {
    const untrusted = await refusal(databaseUrl(other.certificateFile))
    expect(untrusted.exitCode).toBe(EXIT.configuration)
    expect(untrusted.message).toMatch(/certificate.*DATABASE_SSL_CA_FILE/)
    await useCertificate(server.dataDirectory, authority, "DNS:db.example.org")
    await server.crash()
    await server.start()
    const misnamed = await refusal(databaseUrl(authority.certificateFile))
    expect(misnamed.exitCode).toBe(EXIT.configuration)
    expect(misnamed.message).toMatch(/DATABASE_URL a name that it bears/)
    expect(misnamed.message).not.toContain(server.password)
    await useCertificate(server.dataDirectory, authority, "IP:127.0.0.1")
    await server.crash()
    await server.start()
  })

  test("never speaks in the clear with a server that has no TLS", async () => {
    const plain = new URL(inject("databaseUrl"))
    plain.searchParams.set("sslmode", "verify-full")
    const error = await refusal(databaseUrl(authority.certificateFile, plain.href))
    expect(error.exitCode).toBe(EXIT.unavailable)
  })

  test("uses a renewed authority file at the next connection, without a restart", async () => {
    const trusted = join(directory, "trusted.pem")
    await copyFile(authority.certificateFile, trusted)
    const sql = open(databaseUrl(trusted))
    await sql`select 1`
    await useCertificate(server.dataDirectory, other, "IP:127.0.0.1")
    await server.crash()
    await server.start()
    await expect(sql`select 1`.then(() => sql`select 1`)).rejects.toThrow(/certificate|self-signed/)
    await copyFile(other.certificateFile, trusted)
    await until(
      () =>
        sql`select 1`.then(
          () => true,
          () => false,
        ),
      Boolean,
    )
    await closeDatabase(sql)
  })

  test("a file or mode that cannot be right is told before anything is opened", () => {
    expect(() => databaseUrl(authority.certificateFile, server.url)).toThrow(/sslmode=verify-full/)
    expect(() => open(databaseUrl(join(directory, "missing.pem")))).toThrow(/DATABASE_SSL_CA_FILE/)
  })
})
