import { randomBytes, randomUUID } from "node:crypto"
import { deployContracts } from "../../src/adapters/ethereum/deploy.ts"
import { type KeyHolder, keyFromHex } from "../../src/adapters/ethereum/keys.ts"
import { createLedger } from "../../src/adapters/ethereum/ledger.ts"
import { type ChainConnection, connectChain } from "../../src/adapters/ethereum/provider.ts"
import { operationTypes, type RegistryAddresses } from "../../src/adapters/ethereum/registries.ts"
import { createRegistry } from "../../src/adapters/ethereum/registry.ts"
import { createSigner } from "../../src/adapters/ethereum/signer.ts"
import { createLanes } from "../../src/adapters/postgres/chain-writer/lanes.ts"
import { createOperationQueue } from "../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { createTransactionLog } from "../../src/adapters/postgres/chain-writer/transaction-log.ts"
import type { Sql } from "../../src/adapters/postgres/client.ts"
import { createIntake, type Intake } from "../../src/chain-writer/intake.ts"
import { createLaneWriter, type LaneWriter } from "../../src/chain-writer/writer.ts"
import type { EventRecord } from "../../src/domain/event.ts"
import { lowestPositionAt } from "../../src/domain/position.ts"
import { subjectFromBytes } from "../../src/domain/subject.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import { silentLogger } from "../../src/runtime/logger.ts"

/** Accounts with the write role: each run takes a new one. */
const ACCOUNTS = 8

/** The chain writer on a node and a database, as the service composes it, with its requests to the node counted. */
export interface BenchChain {
  readonly url: string
  readonly connection: ChainConnection
  readonly addresses: RegistryAddresses
  readonly intake: Intake
  newAccount(): Promise<KeyHolder>
  newWriter(key: KeyHolder, maxRecords: number): LaneWriter
  rpcCalls(): number
  close(): void
}

export async function openBenchChain(url: string, sql: Sql): Promise<BenchChain> {
  const connection = await connectChain({ url, requestTimeoutMs: 30_000 })
  let calls = 0
  const send = connection.provider._send.bind(connection.provider)
  connection.provider._send = payload => {
    calls += 1
    return send(payload)
  }

  async function newAccount(): Promise<KeyHolder> {
    const key = keyFromHex(`0x${randomBytes(32).toString("hex")}`)
    await connection.provider.send("hardhat_setBalance", [key.address, "0x3635c9adc5dea00000"])
    return key
  }

  const writers = await Promise.all(Array.from({ length: ACCOUNTS }, newAccount))
  const addresses = await deployContracts({
    connection,
    deployer: await newAccount(),
    writers: writers.map(({ address }) => address),
  })
  const registries = operationTypes.map(type => createRegistry(connection, type, addresses[type]))
  const ledger = createLedger(connection)

  return {
    url,
    connection,
    addresses,
    intake: createIntake({ queue: createOperationQueue(sql), maxPendingOperations: 10_000_000 }),
    async newAccount() {
      const key = writers.pop()
      if (!key) throw new Error("no account with the write role is left")
      return key
    },
    newWriter: (key, maxRecords) =>
      createLaneWriter({
        lanes: createLanes(sql),
        log: createTransactionLog(sql),
        ledger,
        registries,
        signer: createSigner(key, connection.chainId),
        clock: systemClock,
        logger: silentLogger,
        holder: randomUUID(),
        leaseMs: 10_000,
        maxRecords,
        maxInFlight: 4,
        confirmations: 1,
        stuckMs: 120_000,
      }),
    rpcCalls: () => calls,
    close: () => connection.close(),
  }
}

let positions = 0n

/** New patients, each a subject of its own: the dearest operation there is. */
export function newRequests(count: number): readonly EventRecord[] {
  const base = lowestPositionAt(Date.now() - 1_000)
  return Array.from({ length: count }, () => {
    positions += 1024n
    return {
      position: base + positions,
      eventId: randomUUID(),
      type: "register-patient.requested",
      subject: subjectFromBytes(randomBytes(32)),
      payload: {},
      occurredAtMs: Date.now(),
      traceparent: null,
      causationId: null,
      backfill: false,
    }
  })
}

export async function accept(intake: Intake, events: readonly EventRecord[]): Promise<void> {
  await intake.handle({
    consumerGroup: "bench",
    // Of its own: nothing is stored of it, so that it continues.
    topic: `bench-${randomUUID()}`,
    partition: 0,
    events,
    malformed: [],
    storedOffset: null,
    nextOffset: 1n,
  })
}
