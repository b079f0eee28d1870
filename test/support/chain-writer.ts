import { randomUUID } from "node:crypto"
import type { Interface } from "ethers"
import type { KeyHolder } from "../../src/adapters/ethereum/keys.ts"
import { createLedger } from "../../src/adapters/ethereum/ledger.ts"
import { connectChain } from "../../src/adapters/ethereum/provider.ts"
import { registryInterface } from "../../src/adapters/ethereum/registries.ts"
import { createRegistry } from "../../src/adapters/ethereum/registry.ts"
import { createSigner } from "../../src/adapters/ethereum/signer.ts"
import { createLanes } from "../../src/adapters/postgres/chain-writer/lanes.ts"
import { createOperationQueue } from "../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { createTransactionLog } from "../../src/adapters/postgres/chain-writer/transaction-log.ts"
import { createIntake, type Intake } from "../../src/chain-writer/intake.ts"
import { createLaneWriter, type LaneWriter, type LaneWriterOptions } from "../../src/chain-writer/writer.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import type { OperationType } from "../../src/domain/operation.ts"
import { OUTCOMES } from "../../src/domain/outcome.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { silentLogger } from "../../src/runtime/logger.ts"
import { openTestChain, type TestChain } from "./chain.ts"
import { createTestDatabase, type TestDatabase } from "./database.ts"
import { batchOf } from "./event-builders.ts"
import { until } from "./until.ts"

/** Short, so that a test need not wait long for a dead writer's lane. */
export const LEASE_MS = 250

/** The chain writer's real adapters, on a database and contracts of the test file's own. */
export interface ChainWriterBench {
  readonly chain: TestChain
  readonly database: TestDatabase
  readonly intake: Intake
  newWriter(key: KeyHolder, options?: Partial<LaneWriterOptions>): LaneWriter
  requested(...events: EventRecord[]): Promise<void>
  /** Passes of these writers in turns until all operations are final. */
  finish(...writers: LaneWriter[]): Promise<void>
  /** How many operations are not final. */
  unfinished(): Promise<number>
  /** How often each word took effect, counted from calldata and events of the contract. */
  timesApplied(type: OperationType): Promise<ReadonlyMap<bigint, number>>
  close(): Promise<void>
}

export interface BenchOptions {
  /** The run's shared node by default. */
  readonly nodeUrl?: string
  /** What the writers ask in place of the node itself. */
  readonly writersUrl?: string
  readonly requestTimeoutMs?: number
  readonly database?: TestDatabase
}

export async function openChainWriterBench(options: BenchOptions = {}): Promise<ChainWriterBench> {
  const [chain, database] = await Promise.all([
    openTestChain(options.nodeUrl),
    options.database ?? createTestDatabase(),
  ])
  const { addresses } = chain
  const { writersUrl: url, requestTimeoutMs = 10_000 } = options
  const connection = url ? await connectChain({ url, requestTimeoutMs }) : chain.connection
  const { sql } = database
  const ledger = createLedger(connection)
  const queue = createOperationQueue(sql)
  const intake = createIntake({ queue, maxPendingOperations: 10_000 })
  const { signal } = new AbortController()

  const unfinished = async (): Promise<number> => {
    const [row] = await sql<{ count: bigint }[]>`
      select count(*) as count from reconciler.chain_operations where state <> 'final'`
    return Number(row?.count)
  }

  return {
    chain,
    database,
    intake,
    unfinished,
    newWriter: (key, options = {}) =>
      createLaneWriter({
        lanes: createLanes(sql),
        log: createTransactionLog(sql),
        ledger,
        registries: (["patient", "ip-block", "attack-signature"] as const).map(type =>
          createRegistry(connection, type, addresses[type]),
        ),
        signer: createSigner(key, connection.chainId),
        clock: systemClock,
        logger: silentLogger,
        holder: randomUUID(),
        leaseMs: LEASE_MS,
        maxRecords: 50,
        maxInFlight: 4,
        confirmations: 1,
        stuckMs: 60_000,
        ...options,
      }),
    async requested(...events) {
      await intake.handle(batchOf(events))
    },
    async finish(...writers) {
      await until(
        async () => {
          for (const writer of writers) await writer.tick(signal)
          return unfinished()
        },
        left => left === 0,
      )
    },
    async timesApplied(type) {
      const topics = [registryInterface.getEvent("BatchApplied")?.topicHash ?? ""]
      const { provider } = chain.connection
      const logs = await provider.getLogs({ address: addresses[type], topics, fromBlock: 0 })
      const times = new Map<bigint, number>()
      for (const log of logs) {
        const transaction = await provider.getTransaction(log.transactionHash)
        const outcomes = Buffer.from(registryInterface.parseLog(log)?.args.outcomes.slice(2), "hex")
        for (const [index, word] of wordsIn(registryInterface, transaction?.data ?? "0x").entries()) {
          if (OUTCOMES[outcomes[index] ?? 0] === "Applied") times.set(word, (times.get(word) ?? 0) + 1)
        }
      }
      return times
    },
    async close() {
      connection.close()
      chain.close()
      await database.drop()
    },
  }
}

function wordsIn(contract: Interface, data: string): readonly bigint[] {
  const records: readonly (readonly [string, bigint])[] = contract.decodeFunctionData("applyBatch", data)[0]
  return records.map(([, word]) => word)
}
