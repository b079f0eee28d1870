import { Wallet } from "ethers"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { lowerHex } from "../../src/adapters/ethereum/registries.ts"
import { createLaneLevers } from "../../src/adapters/postgres/chain-writer/lane-levers.ts"
import { seededRandom } from "../../src/demo/random.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import { type ChainWriterBench, openChainWriterBench } from "../support/chain-writer.ts"
import { anySubject, batchOf, event } from "../support/event-builders.ts"
import { type Audit, audit } from "../support/faults/audit.ts"
import { anyRequests } from "../support/faults/drive.ts"
import { type FaultProxy, startFaultProxy } from "../support/faults/fault-proxy.ts"
import { type MiningClock, mineByTheClock } from "../support/faults/mine-by-the-clock.ts"
import { anvilMissing, type PrivateNode, startAnvil } from "../support/faults/private-node.ts"
import { expectExactlyOnce, faultScale, reportFaults } from "../support/faults/report.ts"
import { TROUBLE_STEPS, type TroublePoint, type TroubleStep } from "../support/faults/trouble-steps.ts"
import {
  createKeyFiles,
  startWriter,
  type WriterProcess,
  type WriterTask,
} from "../support/faults/writer-process.ts"
import { until } from "../support/until.ts"

/** How often each point: each time is two processes, some seconds. */
const TIMES = Math.ceil(faultScale / 3)
const DEADLINE_MS = 60_000
const CONFIRMATIONS = 3
const BLOCK_MS = 60
const RICH_WEI = 10n ** 21n
/** More than any writer of ours would pay. */
const HIGH_PRICE_WEI = 10n ** 13n

/** How the trouble is made that the process dies of, and ended before the next one is through. */
interface Trouble {
  readonly requests?: () => EventRecord[]
  readonly options?: Partial<WriterTask["options"]>
  prepare?(key: Wallet): Promise<unknown>
  provoke?(key: Wallet, dying: WriterProcess): Promise<unknown>
  end?(key: Wallet): Promise<unknown>
  /** More than all operations final, and everything settled: what the next process has to come to. */
  isOver?(key: Wallet): Promise<boolean>
}

describe.skipIf(anvilMissing())("writers that are killed while they note what went wrong", () => {
  const keyFiles = createKeyFiles()
  const hits = new Map<TroublePoint, number>()
  const recoveries: number[] = []
  let all = 0
  let node: PrivateNode
  let proxy: FaultProxy
  let clock: MiningClock
  let bench: ChainWriterBench
  let operations = 0
  let snapshot: unknown

  beforeAll(async () => {
    node = await startAnvil()
    proxy = await startFaultProxy(node.url, seededRandom(1))
    await node.rpc("evm_setAutomine", false)
    clock = mineByTheClock(node, BLOCK_MS)
  })
  afterAll(async () => {
    reportFaults("kill -9 while trouble is noted", hits, { recoveriesMs: recoveries, operations: all })
    keyFiles.remove()
    await clock.stop()
    proxy.close()
    await node.stop()
  })

  const addressOf = (key: Wallet) => lowerHex(key.address)
  const levers = () => createLaneLevers(bench.database.sql)
  const laneOf = async (key: Wallet) =>
    (await levers().list()).find(({ address }) => address === addressOf(key))
  const reorganise = (depth: number) => node.rpc("anvil_reorg", depth, [])

  async function count(state: string): Promise<number> {
    const [row] = await bench.database.sql<{ count: number }[]>`
      select count(*)::int as count from reconciler.chain_operations where state = ${state}`
    return row?.count ?? 0
  }

  /** Counted up: what a killed process has not accepted yet is in no table. */
  const finished = () =>
    until(
      () => count("final"),
      final => final === operations,
      DEADLINE_MS,
    )

  /** These nonces of the lane are used by transactions that are not ours. */
  async function useNonces(key: Wallet, nonces: number): Promise<void> {
    for (let nonce = 0; nonce < nonces; nonce += 1) {
      const raw = await key.signTransaction({
        chainId: 31337,
        type: 2,
        nonce,
        to: key.address,
        gasLimit: 21_000n,
        maxFeePerGas: HIGH_PRICE_WEI,
        maxPriorityFeePerGas: HIGH_PRICE_WEI,
      })
      await node.rpc("eth_sendRawTransaction", raw)
    }
  }

  const untilPooled = () =>
    until(
      () => node.rpc<{ pending: string }>("txpool_status"),
      ({ pending }) => Number(pending) > 0,
      DEADLINE_MS,
    )

  /** Deeper than the confirmations, when all is told. */
  async function reorganiseTold(): Promise<void> {
    await finished()
    await reorganise(CONFIRMATIONS + 1)
  }

  /** Resumed too early it halts again, so a person does it once more. */
  async function isCalm(key: Wallet): Promise<boolean> {
    const lane = await laneOf(key)
    const calm = lane?.openTransactions === 0 && lane.findings.length === 0 && lane.halted === null
    if (!calm) await levers().resume(addressOf(key))
    return calm
  }

  const troubles: Record<TroubleStep, Trouble> = {
    lease: {},
    release: { provoke: (_key, dying) => finished().then(() => dying.stop()) },
    finding: {
      prepare: key => bench.chain.setBalance(addressOf(key), 0n),
      end: key => bench.chain.setBalance(addressOf(key), RICH_WEI),
    },
    halt: { provoke: reorganiseTold, isOver: isCalm },
    refused: {
      prepare: async () => {
        proxy.refuseAboveGas = 200_000n
      },
      end: async () => {
        proxy.refuseAboveGas = null
      },
    },
    reorged: {
      prepare: () => clock.pause(),
      async provoke(_key, dying) {
        await untilPooled()
        await node.rpc("evm_mine")
        // No further block: it stays included until it is taken back.
        await until(
          () => count("included"),
          included => included > 0,
          DEADLINE_MS,
        )
        await reorganise(1)
        await until(dying.diedAt, Boolean, DEADLINE_MS)
        clock.resume()
      },
    },
    reverted: {
      requests: () => Array.from({ length: 16 }, () => event("register-patient.requested", anySubject())),
      options: { maxRecords: 16, gas: { gasPerRecord: 10_000n, gasPerBatch: 150_000n } },
    },
    lost: {
      prepare: () => clock.pause(),
      async provoke(key) {
        await untilPooled()
        await useNonces(key, 1)
        clock.resume()
      },
      isOver: isCalm,
    },
    "move-confirmed": { provoke: reorganiseTold, isOver: isCalm },
    contradict: {
      prepare: async () => {
        snapshot = await node.rpc("evm_snapshot")
      },
      async provoke(key) {
        await finished()
        await clock.pause()
        await node.rpc("evm_revert", snapshot)
        await useNonces(key, (await laneOf(key))?.nextNonce ?? 0)
        clock.resume()
      },
      isOver: async () => (await deadLetters()) === operations,
    },
  }

  async function deadLetters(): Promise<number> {
    const [row] = await bench.database.sql<{ count: number }[]>`
      select count(*)::int as count from reconciler.dead_letters where reason = 'result-contradicted'`
    return row?.count ?? 0
  }

  async function dieAndGoOn(trouble: Trouble, point: TroublePoint): Promise<void> {
    const key = new Wallet(await bench.chain.newWriterKey())
    const requests = trouble.requests?.() ?? anyRequests(3)
    operations += requests.length
    const task: WriterTask = {
      databaseUrl: bench.database.url,
      nodeUrl: proxy.url,
      addresses: bench.chain.addresses,
      keyFile: keyFiles.write(key.privateKey),
      batch: batchOf(requests),
      options: {
        confirmations: CONFIRMATIONS,
        maxRecords: 4,
        leaseMs: 600,
        resendMs: 200,
        ...trouble.options,
      },
    }
    await trouble.prepare?.(key)
    const dying = startWriter({ ...task, dieAt: point })
    await trouble.provoke?.(key, dying)
    await until(dying.diedAt, found => found === point, DEADLINE_MS)
    await dying.exited
    hits.set(point, (hits.get(point) ?? 0) + 1)
    const killedAt = performance.now()
    const next = startWriter(task)
    await trouble.end?.(key)
    await finished()
    if (trouble.isOver) await until(() => trouble.isOver?.(key) ?? true, Boolean, DEADLINE_MS)
    recoveries.push(performance.now() - killedAt)
    await next.stop()
  }

  it.each(TROUBLE_STEPS)(
    "%s",
    async step => {
      bench = await openChainWriterBench({ nodeUrl: node.url })
      operations = 0
      const points: readonly TroublePoint[] = [`before-${step}`, `after-${step}`]
      for (const point of points) {
        for (let time = 0; time < TIMES; time += 1) await dieAndGoOn(troubles[step], point)
        expect(hits.get(point)).toBe(TIMES)
      }
      const { addresses } = bench.chain
      expectAsTold(
        step,
        await audit({ nodeUrl: node.url, databaseUrl: bench.database.url, addresses }),
        operations,
      )
      all += operations
      await bench.close()
    },
    DEADLINE_MS * 2 * TIMES + 30_000,
  )

  /** All of them exactly once, but for what a person with the same key has undone. */
  function expectAsTold(step: TroubleStep, found: Audit, asked: number): void {
    if (step === "contradict") {
      // Every one that was told and undone is known to a person, and only those.
      expect(found.contradicted).toHaveLength(asked)
      const { contradicted: _contradicted, effects: _effects, ...rest } = found
      expectExactlyOnce({ ...rest, contradicted: [], effects: [] }, asked)
    } else if (step === "lost") {
      const taken = found.nonceGaps.map(gap => gap.slice(gap.indexOf(":")))
      expect(taken).toEqual(Array.from({ length: 2 * TIMES }, () => ": 1 taken for someone else's"))
      expectExactlyOnce({ ...found, nonceGaps: [] }, asked)
    } else expectExactlyOnce(found, asked)
  }
})
