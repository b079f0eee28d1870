import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { openDatabase, type Sql } from "../../src/adapters/postgres/client.ts"
import { freePort } from "../../src/embedded/ports.ts"
import { embeddedBinaries } from "../../test/support/postgres-binaries.ts"
import { createPostgresCluster, type PostgresCluster } from "../../test/support/postgres-cluster.ts"
import type { Subject } from "../relay/drain.ts"
import { benchSubject, payloadOf } from "../relay/log.ts"
import { benchProcess } from "../relay/relay-process.ts"

const POM = fileURLToPath(new URL("./debezium/pom.xml", import.meta.url))
const LOGGING = fileURLToPath(new URL("./debezium/log4j2.xml", import.meta.url))
const GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
const TOPIC = "debezium.ip-block"
const ROWS_A_TRANSACTION = 1_000
const FILLER = "x".repeat(200)

export interface Debezium {
  readonly sql: Sql
  readonly subject: Subject
  stop(): Promise<void>
}

/**
 * Debezium with its outbox event router on Kafka Connect standalone, over a Postgres of its own with logical WAL, fed
 * from a slot that is made before anything is written, so that nothing comes from a snapshot.
 */
export async function startDebezium(options: {
  readonly brokers: readonly string[]
  readonly tell: (line: string) => void
}): Promise<Debezium> {
  const libraries = await fetchLibraries(options.tell)
  const cluster = await createPostgresCluster(embeddedBinaries())
  const directory = mkdtempSync(join(tmpdir(), "caregrid-debezium-"))
  const sql = await prepare(cluster)
  writeFileSync(join(directory, "worker.properties"), await worker(options.brokers, directory))
  writeFileSync(join(directory, "connector.properties"), connector(new URL(cluster.url)))
  const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, "bin/java") : "java"
  const command = [
    ...["-Xmx1g", `-Dlog4j2.configurationFile=${LOGGING}`, "-cp", join(libraries, "*")],
    "org.apache.kafka.connect.cli.ConnectStandalone",
    ...[join(directory, "worker.properties"), join(directory, "connector.properties")],
  ]
  return {
    sql,
    subject: {
      topics: [TOPIC],
      fill: events => fill(sql, events),
      append: (id, n) => sql`
        insert into outbox (aggregatetype, aggregateid, type, payload)
        values ('ip-block', ${`0x${benchSubject(n % 1_000).toString("hex")}`}, 'block-ip.requested', ${payloadOf(id)})`,
      async rows() {
        const [row] = await sql<{ count: number }[]>`select count(*)::int as count from outbox`
        return row?.count ?? 0
      },
      start: () => benchProcess(spawn(java, command, { stdio: ["ignore", "ignore", "inherit"] })),
    },
    async stop() {
      await sql.end()
      await cluster.remove()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function prepare(cluster: PostgresCluster): Promise<Sql> {
  await cluster.start()
  const first = openDatabase({ url: cluster.url, max: 1, applicationName: "bench" })
  await first`alter system set wal_level = 'logical'`
  // A worker that is stopped answers nobody.
  await first`alter system set wal_sender_timeout = 0`
  await first.end()
  await cluster.crash()
  await cluster.start()
  const sql = openDatabase({ url: cluster.url, max: 12, applicationName: "bench" })
  await sql`
    create table outbox (
      id uuid primary key default gen_random_uuid(), aggregatetype text not null, aggregateid text not null,
      type text not null, payload text not null)`
  await sql`create publication bench for table outbox`
  await sql`select pg_create_logical_replication_slot('bench', 'pgoutput')`
  return sql
}

async function fill(sql: Sql, events: number): Promise<void> {
  for (let done = 0; done < events; done += ROWS_A_TRANSACTION) {
    const rows = Math.min(ROWS_A_TRANSACTION, events - done)
    await sql`
      insert into outbox (aggregatetype, aggregateid, type, payload)
      select 'ip-block', '0x' || encode(sha256(convert_to((n % 1000)::text, 'UTF8')), 'hex'), 'block-ip.requested',
        jsonb_build_object('id', n::text, 'manual', false, 'expiresAt', 1900000000, 'reason', ${FILLER}::text,
          'severity', 5, 'source', 'bench')::text
      from generate_series(${done}::int, ${done + rows - 1}::int) n`
  }
}

async function worker(brokers: readonly string[], directory: string): Promise<string> {
  return `bootstrap.servers=${brokers.join(",")}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.storage.file.filename=${join(directory, "offsets")}
offset.flush.interval.ms=1000
listeners=http://127.0.0.1:${await freePort()}
plugin.discovery=only_scan
producer.linger.ms=5
producer.batch.size=131072
`
}

function connector(database: URL): string {
  return `name=bench
connector.class=io.debezium.connector.postgresql.PostgresConnector
tasks.max=1
database.hostname=${database.hostname}
database.port=${database.port}
database.user=postgres
database.password=none
database.dbname=postgres
topic.prefix=debezium
plugin.name=pgoutput
slot.name=bench
publication.name=bench
publication.autocreate.mode=disabled
snapshot.mode=no_data
table.include.list=public.outbox
tombstones.on.delete=false
poll.interval.ms=5
transforms=outbox
transforms.outbox.type=io.debezium.transforms.outbox.EventRouter
transforms.outbox.route.topic.replacement=debezium.\${routedByValue}
`
}

/** Fetched once for each version of the pom, from Maven Central. */
async function fetchLibraries(tell: (line: string) => void): Promise<string> {
  const hash = createHash("sha256").update(readFileSync(POM)).digest("hex").slice(0, 12)
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache")
  const directory = join(cache, "caregrid-reconciler", `debezium-${hash}`)
  if (existsSync(directory)) return directory
  tell("fetching Debezium and Kafka Connect from Maven Central")
  const partial = `${directory}.partial`
  rmSync(partial, { recursive: true, force: true })
  const maven = spawn("mvn", ["-q", "-B", "-f", POM, GOAL, `-DoutputDirectory=${partial}`], {
    stdio: ["ignore", "ignore", "inherit"],
  })
  const code = await new Promise(resolve => maven.once("exit", resolve))
  if (code !== 0) throw new Error("Maven could not fetch Debezium")
  renameSync(partial, directory)
  return directory
}
