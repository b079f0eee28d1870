import { HDNodeWallet, Mnemonic } from "ethers"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { deployContracts } from "../../../src/adapters/ethereum/deploy.ts"
import { keyFromHex } from "../../../src/adapters/ethereum/keys.ts"
import { type ChainConnection, connectChain } from "../../../src/adapters/ethereum/provider.ts"
import type { RegistryAddresses } from "../../../src/adapters/ethereum/registries.ts"
import { demoOptions } from "../../../src/demo/options.ts"
import { type HospitalDay, runHospitalDay } from "../../../src/demo/run-hospital-day.ts"
import { createCareGridTables } from "../../../src/integrations/caregrid/create-tables.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { createTestDatabase, type TestDatabase } from "../../support/database.ts"
import { textStream } from "../../support/text-stream.ts"
import { type PlainPipelineOptions, runPlainPipeline } from "./plain-pipeline.ts"

const mnemonic = Mnemonic.fromPhrase("test test test test test test test test test test test junk")
const accountKey = (index: number) =>
  HDNodeWallet.fromMnemonic(mnemonic, `m/44'/60'/0'/0/${index}`).privateKey
// Other accounts than the pipeline's own tests use: two senders of one account would take each other's nonces.
const [admin, lane, neighbour] = [accountKey(15), accountKey(16), accountKey(17)] as const

const noStatus = async () => ({ done: 0, waiting: 0, oldestAgeMs: null })
const status = { relay: noStatus, chainWriter: noStatus, projector: noStatus, writeBack: noStatus }

describe("a hospital's day", () => {
  let database: TestDatabase
  let chain: ChainConnection
  let contracts: RegistryAddresses

  beforeAll(async () => {
    database = await createTestDatabase({ max: 4 })
    await createCareGridTables(database.sql)
    chain = await connectChain({ url: inject("blockchainProviderUrl"), requestTimeoutMs: 10_000 })
    const writers = [lane, neighbour].map(key => keyFromHex(key).address)
    contracts = await deployContracts({ connection: chain, deployer: keyFromHex(admin), writers })
  })

  afterAll(async () => {
    chain.close()
    await database.drop()
  })

  async function liveThrough(given: {
    readonly operations: string
    readonly tamper?: NonNullable<PlainPipelineOptions["tamper"]>
    readonly patienceMs?: number
  }) {
    const stop = new AbortController()
    const { tamper } = given
    const pipeline = runPlainPipeline({
      sql: database.sql,
      chain,
      contracts,
      privateKey: lane,
      signal: stop.signal,
      ...(tamper && { tamper }),
    })
    const [stdout, stderr] = [textStream(), textStream()]
    const day: HospitalDay = {
      databaseUrl: database.url,
      blockchainProviderUrl: inject("blockchainProviderUrl"),
      contracts,
      neighbourPrivateKey: neighbour,
      options: demoOptions(
        { operations: given.operations, blockTtl: "2", json: true },
        () => Date.now() % 2 ** 32,
      ),
      status,
      signal: stop.signal,
      clock: systemClock,
      stdout: stdout.stream,
      stderr: stderr.stream,
      ...(given.patienceMs !== undefined && { patienceMs: given.patienceMs }),
    }
    try {
      const { holds } = await runHospitalDay(day)
      return { holds, printed: stdout.text(), said: stderr.text() }
    } finally {
      stop.abort()
      await pipeline
    }
  }

  it("holds where the pipeline does what it owes, and prints one JSON object", async () => {
    const { holds, printed, said } = await liveThrough({ operations: "80" })
    expect(holds, said).toBe(true)
    const report = JSON.parse(printed)
    expect(report).toMatchObject({ operations: 80, lost: 0, doubled: 0, mismatches: 0 })
    expect(report.confirmed + report.rejected + report.superseded + report.deadLettered).toBe(80)
    const { seed, lost, doubled, mismatches, requestToConfirmedMs, ...kinds } = report
    for (const [name, count] of Object.entries(kinds)) expect(count, name).toBeGreaterThan(0)
    expect(said).toContain(`seed ${seed}`)
  })

  it("does not hold where an operation is forgotten, and says which kind of thing is stuck", async () => {
    let forgotten = ""
    const { holds, printed, said } = await liveThrough({
      operations: "40",
      patienceMs: 4_000,
      tamper: records =>
        records.filter(({ event }) => {
          if (event.type !== "register-patient.requested") return true
          forgotten ||= event.eventId
          return event.eventId !== forgotten
        }),
    })
    expect(holds).toBe(false)
    expect(JSON.parse(printed)).toMatchObject({ lost: 1 })
    expect(said).toContain("stuck: 1 operations without an end")
    expect(said).toContain(`lost: ${forgotten}`)
  })
})
