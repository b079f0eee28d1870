import { existsSync } from "node:fs"
import { testedBinaries } from "../postgres-binaries.ts"
import { createPostgresCluster } from "../postgres-cluster.ts"
import type { Infrastructure } from "./infrastructure.ts"

/** A database server without Kafka and chain, for the tests that need no more. */
export async function startPostgresAlone(
  major: number,
  report: (line: string) => void,
): Promise<Infrastructure> {
  const binaries = testedBinaries()
  if (!existsSync(`${binaries}/bin/initdb`)) throw new Error(`no PostgreSQL ${major} in ${binaries}`)
  const cluster = await createPostgresCluster(binaries)
  await cluster.start()
  report(`PostgreSQL ${major} runs; no Kafka and no chain`)
  return {
    databaseUrl: cluster.url,
    kafkaBrokers: [],
    blockchainProviderUrl: "",
    stop: () => cluster.remove(),
  }
}
