import { openDatabase, type Sql } from "../../src/adapters/postgres/client.ts"
import { migrate } from "../../src/adapters/postgres/migrate.ts"
import { startEmbedded } from "../../src/embedded/index.ts"

export interface Servers {
  readonly databaseUrl: string
  readonly brokers: readonly string[]
  readonly postgresPid: number
  readonly kafkaPid: number
  stop(): Promise<void>
}

export async function startServers(): Promise<Servers> {
  const embedded = await startEmbedded({
    services: new Set(["postgres", "kafka"]),
    onLost: message => {
      throw new Error(message)
    },
  })
  const { databaseUrl, kafkaBrokers: brokers, pids } = embedded
  if (!databaseUrl || !brokers || !pids.postgres || !pids.kafka) throw new Error("a server did not start")
  return { databaseUrl, brokers, postgresPid: pids.postgres, kafkaPid: pids.kafka, stop: embedded.stop }
}

export interface BenchDatabase {
  readonly sql: Sql
  readonly url: string
}

/** A migrated database of its own on that server. */
export async function createBenchDatabase(serverUrl: string, name: string): Promise<BenchDatabase> {
  const server = openDatabase({ url: serverUrl, max: 1, applicationName: "bench" })
  await server.unsafe(`create database ${name}`)
  await server.end()
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  const sql = openDatabase({ url: url.href, max: 12, applicationName: "bench" })
  await migrate(sql)
  return { sql, url: url.href }
}
