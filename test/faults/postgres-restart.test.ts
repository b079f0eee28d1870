import { afterAll, beforeAll, describe, it } from "vitest"
import { closeDatabase, openDatabase } from "../../src/adapters/postgres/client.ts"
import { migrate } from "../../src/adapters/postgres/migrate.ts"
import { seededRandom } from "../../src/demo/random.ts"
import { type ChainWriterBench, openChainWriterBench } from "../support/chain-writer.ts"
import { audit } from "../support/faults/audit.ts"
import { anyRequests } from "../support/faults/drive.ts"
import { type PrivateNode, startHardhat } from "../support/faults/private-node.ts"
import { auditFigures, expectExactlyOnce, faultScale, reportFaults } from "../support/faults/report.ts"
import { createKeyFiles, startWriter, type WriterTask } from "../support/faults/writer-process.ts"
import { embeddedBinaries } from "../support/postgres-binaries.ts"
import { createPostgresCluster, type PostgresCluster } from "../support/postgres-cluster.ts"
import { testSeed } from "../support/seed.ts"
import { until } from "../support/until.ts"

const seed = testSeed()
const DEADLINE_MS = 60_000 * faultScale
const CRASHES = 3 * faultScale

describe(`PostgreSQL that is killed under the chain writer (TEST_SEED=${seed})`, () => {
  const random = seededRandom(seed)
  const recoveries: number[] = []
  const keyFiles = createKeyFiles()
  let cluster: PostgresCluster
  let node: PrivateNode
  let bench: ChainWriterBench

  beforeAll(async () => {
    node = await startHardhat({ blockIntervalMs: 50 })
    cluster = await createPostgresCluster(embeddedBinaries())
    await cluster.start()
    const sql = openDatabase({ url: cluster.url, max: 6, applicationName: "test" })
    await migrate(sql)
    const database = { sql, url: cluster.url, drop: () => closeDatabase(sql) }
    bench = await openChainWriterBench({ nodeUrl: node.url, database })
  })
  afterAll(async () => {
    keyFiles.remove()
    await bench.close()
    await cluster.remove()
    await node.stop()
  })

  it("loses nothing and does nothing twice", { timeout: DEADLINE_MS + 30_000 }, async () => {
    const supervised = [supervise(await newTask()), supervise(await newTask())]
    let operations = 0
    for (let crash = 0; crash < CRASHES; crash += 1) {
      const requests = anyRequests(12)
      operations += requests.length
      await bench.requested(...requests)
      const left = await bench.unfinished()
      await until(
        () => bench.unfinished(),
        now => now <= left - random.below(left),
        DEADLINE_MS,
      )
      await cluster.crash()
      await cluster.start()
      const restartedAt = performance.now()
      // A pooled connection may learn only now that its server is gone.
      const unfinished = () => bench.unfinished().catch(() => Number.POSITIVE_INFINITY)
      const before = await until(unfinished, Number.isFinite)
      await until(unfinished, now => now === 0 || now < before, DEADLINE_MS)
      recoveries.push(performance.now() - restartedAt)
    }
    await until(
      () => bench.unfinished(),
      left => left === 0,
      DEADLINE_MS,
    )
    const restarts = await Promise.all(supervised.map(each => each.stop()))
    const injected = {
      "PostgreSQL kill -9": CRASHES,
      "process ended with it": restarts.reduce((sum, count) => sum + count, 0),
    }
    const { addresses } = bench.chain
    const found = await audit({ nodeUrl: node.url, databaseUrl: cluster.url, addresses })
    const figures = auditFigures(found)
    reportFaults("PostgreSQL kill -9", injected, { recoveriesMs: recoveries, seed, operations, figures })
    expectExactlyOnce(found, operations)
  })

  async function newTask(): Promise<WriterTask> {
    return {
      databaseUrl: cluster.url,
      nodeUrl: node.url,
      addresses: bench.chain.addresses,
      keyFile: keyFiles.write(await bench.chain.newWriterKey()),
      options: { maxRecords: 3, confirmations: 2, resendMs: 200, leaseMs: 1_000 },
    }
  }
})

/** Starts a writer again whenever it ends, as a service manager does: the driver can end a process that loses its server. */
function supervise(task: WriterTask): { stop(): Promise<number> } {
  let process = startWriter(task)
  let restarts = 0
  let stopping = false
  const watching = (async () => {
    for (;;) {
      await process.exited
      if (stopping) return
      restarts += 1
      process = startWriter(task)
    }
  })()
  return {
    async stop() {
      stopping = true
      await process.stop()
      await watching
      return restarts
    },
  }
}
