import { randomBytes } from "node:crypto"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest"
import { installCapture } from "../../../src/adapters/postgres/capture/capture.ts"
import { closeDatabase, openDatabase, type Sql } from "../../../src/adapters/postgres/client.ts"
import { migrate } from "../../../src/adapters/postgres/migrate.ts"
import { readMissingRoles } from "../../../src/adapters/postgres/rights.ts"
import { createBranch, type TestBranch } from "../../support/branch.ts"
import { captureContext, HMAC, send } from "../../support/caregrid/captured-app.ts"
import {
  blockRow,
  middlewareBlocks,
  patientRow,
  registerPatientView,
} from "../../support/caregrid/recorded.ts"
import { openTestChain, type TestChain } from "../../support/chain.ts"
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { type RoleProcess, startRoleProcess } from "../../support/role-process.ts"
import { until } from "../../support/until.ts"

const PASSWORD = randomBytes(12).toString("hex")
const logins: string[] = []

/** A login of its own that has one role, and nothing else. */
async function createLogin(sql: Sql, url: string, role: string): Promise<string> {
  const name = `login_${randomBytes(6).toString("hex")}`
  await sql.unsafe(`create role ${name} login password '${PASSWORD}'`)
  await sql.unsafe(`grant ${role} to ${name}`)
  logins.push(name)
  const own = new URL(url)
  own.username = name
  own.password = PASSWORD
  return own.href
}

async function dropLogins(sql: Sql): Promise<void> {
  for (const name of logins.splice(0)) {
    await sql.unsafe(`drop owned by ${name}`)
    await sql.unsafe(`drop role ${name}`)
  }
}

describe("the roles", () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase()
  })
  afterAll(async () => {
    await dropLogins(database.sql)
    await database.drop()
  })

  async function as<T>(role: string, use: (sql: Sql) => Promise<T>): Promise<T> {
    const url = await createLogin(database.sql, database.url, role)
    const sql = openDatabase({ url, max: 1, applicationName: "test-role" })
    try {
      return await use(sql)
    } finally {
      await closeDatabase(sql)
    }
  }

  it("of the app may append, and see nothing", async () => {
    await as("reconciler_app", async sql => {
      const [row] =
        await sql`select outcome from reconciler.append('unblock-ip.requested', sha256('x'), '{}')`
      expect(row?.outcome).toBe("appended")
      await expect(sql`select from reconciler.outbox`).rejects.toThrow("permission denied")
      await expect(sql`select reconciler.ensure_partitions(1000)`).rejects.toThrow("permission denied")
    })
  })

  it("of an operator reads all but the subjects' key, and writes nothing", async () => {
    await as("reconciler_operator", async sql => {
      const tables = await sql<{ name: string; reads: boolean; writes: boolean }[]>`
        select relname as name, has_table_privilege(oid, 'select') as reads,
          has_table_privilege(oid, 'insert, update, delete, truncate') as writes
        from pg_class where relnamespace = 'reconciler'::regnamespace and relkind in ('r', 'p')
          and not relispartition`
      expect(tables.length).toBeGreaterThan(15)
      expect(tables.filter(({ writes }) => writes)).toEqual([])
      expect(tables.filter(({ reads }) => !reads).map(({ name }) => name)).toEqual(["capture_settings"])
    })
  })

  it.each(["reconciler_relay", "reconciler_writer", "reconciler_projector"])(
    "%s writes nothing of another's, and never the subjects' key",
    async role => {
      const foreign = {
        reconciler_relay: ["outbox", "chain_operations", "operation_views", "settings"],
        reconciler_writer: ["relay_cursor", "operation_views", "settings", "manual_blocks"],
        reconciler_projector: ["relay_cursor", "chain_operations", "settings", "request_types"],
      }[role]
      await as(role, async sql => {
        await expect(sql`select from reconciler.capture_settings`).rejects.toThrow("permission denied")
        for (const table of foreign ?? []) {
          await expect(sql.unsafe(`delete from reconciler.${table}`), table).rejects.toThrow(
            "permission denied",
          )
        }
      })
    },
  )

  it("are told of where the login that migrates may not make them, and it migrates all the same", async () => {
    const empty = await createEmptyDatabase()
    const owner = `owner_${randomBytes(6).toString("hex")}`
    const name = new URL(empty.url).pathname.slice(1)
    await database.sql.unsafe(`create role ${owner} login password '${PASSWORD}'`)
    await database.sql.unsafe(`grant create on database ${name} to ${owner}`)
    const url = new URL(empty.url)
    url.username = owner
    url.password = PASSWORD
    const sql = openDatabase({ url: url.href, max: 2, applicationName: "test-owner" })
    await migrate(sql)
    // They are the cluster's, and other tests made them: what is missing is seen with a name that nobody makes.
    expect(await readMissingRoles(sql)).toEqual([])
    await sql.unsafe(
      "create or replace function reconciler.roles() returns text[] language sql as $$ select array['reconciler_nobody'] $$",
    )
    await sql`select reconciler.create_roles()`
    await migrate(sql)
    expect(await readMissingRoles(sql)).toEqual(["reconciler_nobody"])
    await closeDatabase(sql)
    await empty.drop()
    await database.sql.unsafe(`drop role ${owner}`)
  })
})

describe.skipIf(inject("kafkaBrokers").length === 0)("each part under a login of its own role", () => {
  let chain: TestChain
  let branch: TestBranch
  let processes: readonly RoleProcess[] = []
  beforeEach(async () => {
    chain = await openTestChain()
    branch = await createBranch(chain)
    const { sql } = branch.database
    await sql`insert into core_branch (name, location) values ('North', 'Hill')`
    await installCapture(sql, captureContext, HMAC)
    // As docs/integration.md tells the owner of the app's tables.
    await sql.unsafe(`
      grant select, update (blockchain_registered, registration_tx_hash) on core_patient to reconciler_projector;
      grant select, delete, update (blockchain_synced, block_tx_hash) on firewall_blockedip to reconciler_projector;
      grant select, update (blockchain_synced, signature_tx_hash) on firewall_attackpattern to reconciler_projector`)
  })
  afterEach(async () => {
    await Promise.all(processes.map(each => each.stop()))
    await dropLogins(branch.database.sql)
    await branch.close()
    await chain.close()
  })

  it("captures, publishes, confirms, sets the flags and removes what is over", async () => {
    const { sql, url } = branch.database
    const part = async (role: RoleProcess["role"], of: string) =>
      startRoleProcess(role, { ...branch.environment, DATABASE_URL: await createLogin(sql, url, of) })
    processes = [
      await part("relay", "reconciler_relay"),
      await part("chain-writer", "reconciler_writer"),
      await part("projector", "reconciler_projector"),
      await part("write-back", "reconciler_projector"),
    ]
    await Promise.all(processes.map(each => each.working()))
    const session = openDatabase({ url, max: 1, applicationName: "test-app" })
    const patient = patientRow({ blockchain_id: `0x${randomBytes(32).toString("hex")}` })
    await send(session, registerPatientView(patient, 1, "down"))
    const short = new Date(Date.now() + 4_000).toISOString()
    const block = blockRow({ ip_address: "203.0.113.7", ip_hash: "b4".repeat(32), expiry_time: short })
    await send(session, middlewareBlocks(block))
    const long = new Date(Date.now() + 86_400_000).toISOString()
    await send(session, middlewareBlocks({ ...block, ip_address: "203.0.113.8", expiry_time: long }))
    await closeDatabase(session)
    const settled = await until(
      async () => {
        const [row] = await sql`
          select (select count(*)::int from core_patient where blockchain_registered) as patients,
            (select count(*)::int from firewall_blockedip where blockchain_synced) as flagged,
            (select count(*)::int from firewall_blockedip) as blocks`
        return { ...row }
      },
      found => found.patients === 1 && found.flagged === 1 && found.blocks === 1,
      60_000,
    ).catch((error: unknown) => {
      throw new Error(processes.map(each => `${each.role}: ${each.output()}`).join("\n"), { cause: error })
    })
    expect(settled).toEqual({ patients: 1, flagged: 1, blocks: 1 })
    expect(await Promise.all(processes.map(each => each.stop()))).toEqual([0, 0, 0, 0])
  }, 120_000)
})
