import { randomBytes, randomUUID } from "node:crypto"
import { AbiCoder } from "ethers"
import { afterEach, beforeAll, describe, expect, it } from "vitest"
import { type KeyHolder, keyFromHex } from "../../../src/adapters/ethereum/keys.ts"
import { createLedger } from "../../../src/adapters/ethereum/ledger.ts"
import { type ChainConnection, connectChain } from "../../../src/adapters/ethereum/provider.ts"
import { lowerHex, registryInterface } from "../../../src/adapters/ethereum/registries.ts"
import { createRegistry, WRITER_ROLE } from "../../../src/adapters/ethereum/registry.ts"
import { sendCalls } from "../../../src/adapters/ethereum/send.ts"
import { createSigner } from "../../../src/adapters/ethereum/signer.ts"
import { createLanes } from "../../../src/adapters/postgres/chain-writer/lanes.ts"
import { createOperationQueue } from "../../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { createTransactionLog } from "../../../src/adapters/postgres/chain-writer/transaction-log.ts"
import { createIntake, toOperation } from "../../../src/chain-writer/intake.ts"
import type { Registry } from "../../../src/chain-writer/ports.ts"
import { createLaneWriter } from "../../../src/chain-writer/writer.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { anySubject, batchOf, event } from "../../support/event-builders.ts"
import { olderPatientRegistry } from "../../support/faults/older-contracts.ts"
import {
  anvilMissing,
  type PrivateNode,
  startAnvil,
  startHardhat,
} from "../../support/faults/private-node.ts"
import { until } from "../../support/until.ts"

const TIMEOUT_MS = 20_000
const REQUESTS = 7
const newKey = () => keyFromHex(`0x${randomBytes(32).toString("hex")}`)

/** Fields of a node's own answers: nothing between it and the writer changes them. */
interface Sent {
  readonly type: string
  readonly gasPrice: string
  readonly maxFeePerGas?: string
  readonly baseFeePerGas?: string
}

describe("on a real node of another kind", { timeout: 90_000 }, () => {
  let node: PrivateNode
  let connection: ChainConnection
  let database: TestDatabase
  /** Compiled before there is a connection, which the node would close meanwhile. */
  let code: string
  beforeAll(() => {
    code = olderPatientRegistry()
  })
  afterEach(async () => {
    connection.close()
    await database.drop()
    await node.stop()
  })

  /** The code is made for the node's rules, so it is not the one that the registry would compare it with. */
  async function patientRegistry(admin: KeyHolder, writer: KeyHolder): Promise<Registry> {
    const constructorArguments = AbiCoder.defaultAbiCoder().encode(["address"], [admin.address])
    const data = `${code}${constructorArguments.slice(2)}`
    const [receipt] = await sendCalls(connection, admin, [{ to: null, data }], TIMEOUT_MS)
    const address = lowerHex(receipt?.contractAddress ?? "")
    const grant = registryInterface.encodeFunctionData("grantRole", [WRITER_ROLE, writer.address])
    await sendCalls(connection, admin, [{ to: address, data: grant }], TIMEOUT_MS)
    return { ...createRegistry(connection, "patient", address), obstacle: async () => null }
  }

  /** Requests of patients put on the chain by a lane with so much money, and its transactions as the node has them. */
  async function write(start: () => Promise<PrivateNode>, laneWei: bigint): Promise<readonly Sent[]> {
    ;[node, database] = await Promise.all([start(), createTestDatabase()])
    connection = await connectChain({ url: node.url, requestTimeoutMs: 10_000 })
    const [admin, key] = [newKey(), newKey()]
    await node.rpc("hardhat_setBalance", admin.address, "0xde0b6b3a7640000")
    await node.rpc("hardhat_setBalance", key.address, `0x${laneWei.toString(16)}`)
    const registry = await patientRegistry(admin, key)
    const { sql } = database
    const requests = Array.from({ length: REQUESTS }, () => event("register-patient.requested", anySubject()))
    const intake = createIntake({ queue: createOperationQueue(sql), maxPendingOperations: 100 })
    await intake.handle(batchOf(requests))
    const writer = createLaneWriter({
      lanes: createLanes(sql),
      log: createTransactionLog(sql),
      ledger: createLedger(connection),
      registries: [registry],
      signer: createSigner(key, connection.chainId),
      clock: systemClock,
      logger: silentLogger,
      holder: randomUUID(),
      leaseMs: 5_000,
      maxRecords: 3,
      maxInFlight: 2,
      confirmations: 1,
      stuckMs: 60_000,
    })
    const { signal } = new AbortController()
    const confirmed = async () => {
      await writer.tick(signal)
      return (await sql`select from reconciler.outbox where type = 'register-patient.confirmed'`).length
    }
    await until(confirmed, results => results === REQUESTS)
    const words = await registry.words(requests.map(({ subject }) => subject))
    expect(words).toEqual(requests.map(request => toOperation(request)?.word))
    const attempts = await sql<{ hash: string }[]>`
      select '0x' || encode(hash, 'hex') as hash from reconciler.chain_attempts order by number`
    return Promise.all(
      attempts.map(async ({ hash }) => {
        const sent = await node.rpc<Sent & { blockNumber: string }>("eth_getTransactionByHash", hash)
        const block = await node.rpc<Partial<Sent>>("eth_getBlockByNumber", sent.blockNumber, false)
        return { ...sent, ...("baseFeePerGas" in block && { baseFeePerGas: block.baseFeePerGas ?? "" }) }
      }),
    )
  }

  it("from before base fees (Hardhat, Berlin), transactions have one gas price", async () => {
    const sent = await write(() => startHardhat({ kind: "legacy" }), 10n ** 18n)
    expect(sent).toHaveLength(3)
    for (const { type, gasPrice, baseFeePerGas } of sent) {
      expect({ type, baseFeePerGas }).toEqual({ type: "0x0", baseFeePerGas: undefined })
      expect(BigInt(gasPrice)).toBeGreaterThan(0n)
    }
  })

  it("whose base fee is 0 (Hardhat), no more is offered than the tip", async () => {
    const sent = await write(() => startHardhat({ kind: "free" }), 10n ** 18n)
    expect(sent).toHaveLength(3)
    for (const { type, maxFeePerGas, gasPrice, baseFeePerGas } of sent) {
      expect({ type, baseFeePerGas }).toEqual({ type: "0x2", baseFeePerGas: "0x0" })
      expect(maxFeePerGas).toBe(gasPrice)
    }
  })

  it.skipIf(anvilMissing())("that asks for nothing (anvil, Berlin), a lane needs no money", async () => {
    const args = ["--hardfork", "berlin", "--gas-price", "0", "--base-fee", "0"]
    const sent = await write(() => startAnvil({ args }), 0n)
    expect(sent.map(({ type, gasPrice }) => [type, gasPrice])).toEqual(Array(3).fill(["0x0", "0x0"]))
    expect(sent.every(transaction => !("baseFeePerGas" in transaction))).toBe(true)
  })
})
