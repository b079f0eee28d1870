import { afterAll, beforeAll, describe, it } from "vitest"
import { closeDatabase, openDatabase } from "../../src/adapters/postgres/client.ts"
import { migrate } from "../../src/adapters/postgres/migrate.ts"
import { seededRandom } from "../../src/demo/random.ts"
import { type ChainWriterBench, openChainWriterBench } from "../support/chain-writer.ts"
import { audit } from "../support/faults/audit.ts"
import { anyRequests, drive } from "../support/faults/drive.ts"
import { type PrivateNode, startHardhat } from "../support/faults/private-node.ts"
import { expectExactlyOnce, faultScale, reportFaults } from "../support/faults/report.ts"
import { createPostgresCluster, embeddedBinaries, type PostgresCluster } from "../support/postgres-cluster.ts"
import { testSeed } from "../support/seed.ts"
import { until } from "../support/until.ts"

const seed = testSeed()
const DEADLINE_MS = 60_000 * faultScale
const CRASHES = 3 * faultScale

describe(`PostgreSQL that is killed under the chain writer (TEST_SEED=${seed})`, () => {
  const random = seededRandom(seed)
  const recoveries: number[] = []
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
    await bench.close()
    await cluster.remove()
    await node.stop()
  })

  it("loses nothing and does nothing twice", { timeout: DEADLINE_MS + 30_000 }, async () => {
    const keys = [await bench.chain.newWriter(), await bench.chain.newWriter()]
    const options = { maxRecords: 3, confirmations: 2, resendMs: 200, leaseMs: 1_000 }
    const writers = keys.map(key => bench.newWriter(key, options))
    let operations = 0
    await drive(writers, async () => {
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
        const before = await until(
          () => bench.unfinished().catch(() => null),
          count => count !== null,
        )
        await until(
          () => bench.unfinished(),
          now => now === 0 || now < (before ?? 0),
          DEADLINE_MS,
        )
        recoveries.push(performance.now() - restartedAt)
      }
      await until(
        () => bench.unfinished(),
        left => left === 0,
        DEADLINE_MS,
      )
    })
    reportFaults("PostgreSQL kill -9", { crash: CRASHES }, { recoveriesMs: recoveries, seed, operations })
    const { addresses } = bench.chain
    expectExactlyOnce(await audit({ nodeUrl: node.url, databaseUrl: cluster.url, addresses }), operations)
  })
})
