import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { CRASH_POINTS } from "../../src/chain-writer/crash-points.ts"
import { seededRandom } from "../../src/demo/random.ts"
import { type ChainWriterBench, openChainWriterBench } from "../support/chain-writer.ts"
import { batchOf } from "../support/event-builders.ts"
import { audit } from "../support/faults/audit.ts"
import { anyRequests } from "../support/faults/drive.ts"
import { type PrivateNode, startHardhat } from "../support/faults/private-node.ts"
import { auditFigures, expectExactlyOnce, faultScale, reportFaults } from "../support/faults/report.ts"
import {
  createKeyFiles,
  type DeathPoint,
  startWriter,
  type WriterTask,
} from "../support/faults/writer-process.ts"
import { testSeed } from "../support/seed.ts"
import { until } from "../support/until.ts"

const seed = testSeed()
const DEADLINE_MS = 60_000 * faultScale
const BLOCK_MS = 100
const LEASE_MS = 600

describe(`writers in processes that are killed (TEST_SEED=${seed})`, {
  timeout: DEADLINE_MS + 30_000,
}, () => {
  const random = seededRandom(seed)
  const keyFiles = createKeyFiles()
  let node: PrivateNode
  let bench: ChainWriterBench
  let operations = 0

  beforeAll(async () => {
    node = await startHardhat({ blockIntervalMs: BLOCK_MS })
    bench = await openChainWriterBench({ nodeUrl: node.url })
  })
  afterAll(async () => {
    keyFiles.remove()
    await bench.close()
    await node.stop()
  })

  async function newTask(): Promise<WriterTask> {
    return {
      databaseUrl: bench.database.url,
      nodeUrl: node.url,
      addresses: bench.chain.addresses,
      keyFile: keyFiles.write(await bench.chain.newWriterKey()),
      options: { confirmations: 2, maxRecords: 4, leaseMs: LEASE_MS },
    }
  }

  async function request(subjects: number) {
    const requests = anyRequests(subjects)
    operations += requests.length
    await bench.requested(...requests)
    return requests
  }

  async function expectOnce() {
    const { addresses } = bench.chain
    const found = await audit({ nodeUrl: node.url, databaseUrl: bench.database.url, addresses })
    expectExactlyOnce(found, operations)
    return auditFigures(found)
  }

  async function countFinal(): Promise<number> {
    const [row] = await bench.database.sql<{ count: number }[]>`
      select count(*)::int as count from reconciler.chain_operations where state = 'final'`
    return row?.count ?? 0
  }

  /** Counted up, not down: what a killed process has not accepted yet is in no table. */
  const finished = () => until(countFinal, count => count === operations, DEADLINE_MS)

  /** How long from a kill until the next operation is final. */
  async function recoveryMs(killedAt: number): Promise<number> {
    const before = await countFinal()
    await until(countFinal, count => count > before || count === operations, DEADLINE_MS)
    return performance.now() - killedAt
  }

  it("at each named point: killed there, and the next process goes on", async () => {
    const hit = new Map<DeathPoint, number>()
    const recoveries: number[] = []
    for (const point of Array.from({ length: faultScale }, () => CRASH_POINTS).flat()) {
      const task = await newTask()
      const requests = anyRequests(4)
      operations += requests.length
      const batch = batchOf(requests)
      const dying = startWriter({ ...task, dieAt: point, batch })
      await dying.exited
      const diedAt = dying.diedAt()
      if (diedAt) hit.set(diedAt, (hit.get(diedAt) ?? 0) + 1)
      const killedAt = performance.now()
      const next = startWriter({ ...task, batch })
      recoveries.push(await recoveryMs(killedAt))
      await finished()
      await next.stop()
    }
    reportFaults("kill -9 at named points", hit, { recoveriesMs: recoveries, operations })
    expect([...hit.keys()].sort()).toEqual([...CRASH_POINTS].sort())
    await expectOnce()
  })

  it("at random moments, two processes to a lane, and one that is stopped past its lease", async () => {
    const tasks = [await newTask(), await newTask()]
    const writers = tasks.flatMap(task => [task, task]).map(task => ({ task, process: startWriter(task) }))
    await Promise.all(writers.map(writer => writer.process.started()))
    const injected = { "kill -9 at random": 0, "SIGSTOP past the lease": 0 }
    const recoveries: number[] = []
    for (let round = 0; round < 6 * faultScale; round += 1) {
      await request(8)
      const writer = random.pick([writers[0], ...writers.slice(1)] as [
        (typeof writers)[0],
        ...typeof writers,
      ])
      await until(countFinal, count => count > operations - 8 - random.below(8), DEADLINE_MS)
      const killedAt = performance.now()
      if (random.chance(0.3)) {
        injected["SIGSTOP past the lease"] += 1
        const stopped = writer.process
        stopped.signal("SIGSTOP")
        await until(() => performance.now() - killedAt > 2 * LEASE_MS, Boolean)
        stopped.signal("SIGCONT")
      } else {
        injected["kill -9 at random"] += 1
        await writer.process.kill()
        await request(3)
        recoveries.push(await recoveryMs(killedAt))
        writer.process = startWriter(writer.task)
        await writer.process.started()
      }
    }
    await finished()
    await Promise.all(writers.map(writer => writer.process.stop()))
    const figures = await expectOnce()
    const more = { recoveriesMs: recoveries, seed, operations, figures }
    reportFaults("kill -9 and SIGSTOP at random, two processes a lane", injected, more)
  })
})
