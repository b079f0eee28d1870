import { existsSync } from "node:fs"
import { createPostgresCluster } from "../postgres-cluster.ts"
import type { Infrastructure } from "./infrastructure.ts"

/** A server of Debian's package, for the tests that need a database only. Throws where it is not installed. */
export async function startDebianPostgres(
  major: number,
  report: (line: string) => void,
): Promise<Infrastructure> {
  const binaries = `/usr/lib/postgresql/${major}`
  if (!existsSync(`${binaries}/bin/initdb`)) throw new Error(`no PostgreSQL ${major} in ${binaries}`)
  const cluster = await createPostgresCluster(binaries)
  await cluster.start()
  report(`PostgreSQL ${major} runs; no Kafka and no chain`)
  return { databaseUrl: cluster.url, kafkaBrokers: [], blockchainProviderUrl: "", stop: () => cluster.remove() }
}
