import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { keyFromHex } from "../../../src/adapters/ethereum/keys.ts"
import { createRegistry } from "../../../src/adapters/ethereum/registry.ts"
import { createLaneLevers } from "../../../src/adapters/postgres/chain-writer/lane-levers.ts"
import { createTransactionLog } from "../../../src/adapters/postgres/chain-writer/transaction-log.ts"
import type { Sql } from "../../../src/adapters/postgres/client.ts"
import { seededRandom } from "../../../src/demo/random.ts"
import { decodeWord } from "../../../src/domain/word.ts"
import { type ChainWriterBench, openChainWriterBench } from "../../support/chain-writer.ts"
import { anySubject } from "../../support/event-builders.ts"
import { type PrivateNode, startHardhat } from "../../support/faults/private-node.ts"
import { asOfNow, randomRequests, request, someSubjects } from "../../support/random-history.ts"
import { contractsIn, ended, rebuildCommand } from "../../support/rebuild-command.ts"
import { until } from "../../support/until.ts"

/** A development chain that is gone, with the contracts and all that was in flight on it. */
describe("deploy --rebuild on a new chain", { timeout: 180_000 }, () => {
  let [gone, fresh]: PrivateNode[] = []
  let bench: ChainWriterBench
  beforeEach(async () => {
    gone = await startHardhat()
    bench = await openChainWriterBench({ nodeUrl: gone.url })
  })
  afterEach(async () => {
    await bench.close()
    await Promise.all([gone?.stop(), fresh?.stop()])
  })

  it("is refused until it is said that the old one is gone, and then brings everything back", async () => {
    const lane = await bench.chain.newWriterKey()
    const key = keyFromHex(lane)
    const subjects = someSubjects(12)
    const writer = bench.newWriter(key)
    await request(bench, randomRequests(seededRandom(1), subjects))
    await bench.finish(writer)
    const old = await words(bench.chain.addresses)
    // Sent, and never final there.
    const lateSubject = anySubject()
    await request(bench, [{ type: "register-patient.requested", subject: lateSubject, payload: {} }])
    await until(
      () => bench.newWriter(key, { confirmations: 1_000, leaseMs: 0 }).tick(new AbortController().signal),
      did => did > 0,
    )
    await gone?.stop()

    fresh = await startHardhat()
    const next = await openChainWriterBench({ nodeUrl: fresh.url, database: bench.database })
    await next.chain.setBalance(key.address, 10n ** 21n)
    const admin = await next.chain.newWriterKey()
    const command = rebuildCommand({ lane, admin })
    const settings = { DATABASE_URL: bench.database.url, BLOCKCHAIN_PROVIDER_URL: fresh.url }
    const refused = await ended(command.start(settings))
    expect(refused.code).toBe(78)
    expect(refused.stderr).toContain("--new-chain")
    const { code, stdout, stderr } = await ended(command.start(settings, "--new-chain"))
    expect(code, stderr).toBe(0)
    command.remove()

    const contracts = contractsIn(stdout)
    const registries = (["patient", "ip-block", "attack-signature"] as const).map(type =>
      createRegistry(next.chain.connection, type, contracts[type]),
    )
    const rebuilt = new Map<string, bigint>()
    for (const registry of registries) {
      const keys = [...old.keys()].filter(subject => old.get(subject)?.type === registry.type)
      const stored = await registry.words(keys as `0x${string}`[])
      for (const [index, subject] of keys.entries()) rebuilt.set(subject, stored[index] ?? 0n)
    }
    expect(rebuilt).toEqual(new Map([...old].map(([subject, { word }]) => [subject, asOfNow(word)])))
    // What was in flight on the old one is done on the new one, and its lane counts from 0.
    await next.finish(next.newWriter(key, { registries }))
    const [late] = (await registries[0]?.words([lateSubject])) ?? []
    expect(decodeWord(late ?? 0n).flags).toBe(5)
    const [state] = await createLaneLevers(bench.database.sql).list()
    expect(state?.nextNonce).toBe(await next.chain.connection.provider.getTransactionCount(key.address))
    await expectNothingOld(key.address)
    next.chain.close()
  })

  /** Bytes of the chain that is gone would be valid on the new one: it has the same chain id. */
  async function expectNothingOld(address: `0x${string}`): Promise<void> {
    const { sql } = bench.database
    const rows = await sql<{ hash: string; genesis: string }[]>`
      select '0x' || encode(a.hash, 'hex') as hash, encode(t.genesis_hash, 'hex') as genesis
      from reconciler.chain_attempts a join reconciler.chain_transactions t on t.id = a.transaction_id
      order by t.id`
    const [first] = rows
    const old = rows.filter(({ genesis }) => genesis === first?.genesis).map(({ hash }) => hash)
    const log = createTransactionLog(sql)
    const lane = { address, epoch: 0n }
    const offered = await log.settledBytes(lane, 0, 1_000)
    const looked = await log.confirmed(lane, 1_000_000, 1_000)
    const known = new Set([
      ...offered.map(({ hash }) => hash),
      ...looked.map(({ inclusion }) => inclusion.hash),
    ])
    expect(old.length).toBeGreaterThan(0)
    expect(known.size).toBeGreaterThan(0)
    expect(old.filter(hash => known.has(hash as `0x${string}`))).toEqual([])
  }

  async function words(addresses: typeof bench.chain.addresses) {
    const found = new Map<string, { type: string; word: bigint }>()
    for (const type of ["patient", "ip-block", "attack-signature"] as const) {
      const subjects = await subjectsOf(bench.database.sql, type)
      const stored = await createRegistry(bench.chain.connection, type, addresses[type]).words(subjects)
      for (const [index, subject] of subjects.entries())
        found.set(subject, { type, word: stored[index] ?? 0n })
    }
    return found
  }
})

async function subjectsOf(sql: Sql, type: string): Promise<readonly `0x${string}`[]> {
  const rows = await sql<{ subject: `0x${string}` }[]>`
    select distinct '0x' || encode(subject, 'hex') as subject from reconciler.chain_operations
    where type = ${type} and result = 'confirmed'`
  return rows.map(({ subject }) => subject)
}
