import { existsSync } from "node:fs"
import { createPostgresCluster, testedBinaries } from "../postgres-cluster.ts"
import type { Infrastructure } from "./infrastructure.ts"

/** A database server without Kafka and chain, for the tests that need no more; of Debian's packages but for 18. */
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
