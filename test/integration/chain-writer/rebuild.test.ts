import type { ChildProcess } from "node:child_process"
import { setTimeout as wait } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest"
import { type KeyHolder, keyFromHex } from "../../../src/adapters/ethereum/keys.ts"
import { registryInterface } from "../../../src/adapters/ethereum/registries.ts"
import { createRegistry } from "../../../src/adapters/ethereum/registry.ts"
import { sendCalls } from "../../../src/adapters/ethereum/send.ts"
import { createDeployments } from "../../../src/adapters/postgres/chain-writer/deployments.ts"
import { readChainWriterStatus } from "../../../src/adapters/postgres/chain-writer/status.ts"
import { whileActive } from "../../../src/chain-writer/active-deployment.ts"
import type { Contracts } from "../../../src/chain-writer/deployment-ports.ts"
import { seededRandom } from "../../../src/demo/random.ts"
import type { OperationType } from "../../../src/domain/operation.ts"
import { OUTCOMES } from "../../../src/domain/outcome.ts"
import { lowestPositionAt } from "../../../src/domain/position.ts"
import type { Subject } from "../../../src/domain/subject.ts"
import { decodeWord, encodeWord, FLAG } from "../../../src/domain/word.ts"
import { type ChainWriterBench, openChainWriterBench } from "../../support/chain-writer.ts"
import { anySubject } from "../../support/event-builders.ts"
import { asOfNow, expireDue, randomRequests, request, someSubjects } from "../../support/random-history.ts"
import { contractsIn, ended, rebuildCommand } from "../../support/rebuild-command.ts"
import { testSeed } from "../../support/seed.ts"
import { until } from "../../support/until.ts"

const TYPES = ["patient", "ip-block", "attack-signature"] as const
const SUBJECTS = 25
const WAVES = 4
const RUNS = Number(process.env.REBUILD_RUNS ?? 2)

/** Contracts replaced by new ones that are rebuilt from the log, by the command itself, on a real chain. */
describe("deploy --rebuild", { timeout: 180_000 }, () => {
  let bench: ChainWriterBench
  let laneKey: KeyHolder
  let command: ReturnType<typeof rebuildCommand>

  beforeEach(async () => {
    bench = await openChainWriterBench()
    const lane = await bench.chain.newWriterKey()
    laneKey = keyFromHex(lane)
    command = rebuildCommand({ lane, admin: await bench.chain.newWriterKey() })
    const genesisHash = bench.chain.connection.genesisHash
    await createDeployments(bench.database.sql).adopt({ genesisHash, contracts: bench.chain.addresses })
  })
  afterEach(async () => {
    command.remove()
    await bench.close()
  })

  function start(...options: string[]): ChildProcess {
    const settings = {
      DATABASE_URL: bench.database.url,
      BLOCKCHAIN_PROVIDER_URL: inject("blockchainProviderUrl"),
    }
    return command.start(settings, ...options)
  }

  async function words(contracts: Contracts, type: OperationType, subjects: readonly Subject[]) {
    return createRegistry(bench.chain.connection, type, contracts[type]).words(subjects)
  }

  /** How often a record took effect, of each type, by the contracts' events. */
  async function effects(contracts: Contracts): Promise<ReadonlyMap<string, number>> {
    const { provider } = bench.chain.connection
    const times = new Map<string, number>()
    for (const type of TYPES) {
      const topics = [registryInterface.getEvent("BatchApplied")?.topicHash ?? ""]
      for (const log of await provider.getLogs({ address: contracts[type], topics, fromBlock: 0 })) {
        const transaction = await provider.getTransaction(log.transactionHash)
        const [records] = registryInterface.decodeFunctionData("applyBatch", transaction?.data ?? "0x")
        const outcomes = Buffer.from(registryInterface.parseLog(log)?.args.outcomes.slice(2), "hex")
        for (const [index, [subject]] of (records as [string, bigint][]).entries()) {
          if (!["Applied", "Expired"].includes(OUTCOMES[outcomes[index] ?? 0] ?? "")) continue
          times.set(`${type} ${subject}`, (times.get(`${type} ${subject}`) ?? 0) + 1)
        }
      }
    }
    return times
  }

  async function resultEvents(): Promise<number> {
    const [row] = await bench.database.sql<{ count: number }[]>`
      select count(*)::int as count from reconciler.outbox where type ~ '[.](confirmed|rejected|superseded)$'`
    return row?.count ?? 0
  }

  /** Another branch's operation, straight to the contract. */
  async function foreignWrite(subject: Subject, flags: number, expirySeconds = 0): Promise<void> {
    const key = await bench.chain.newWriter()
    const version = lowestPositionAt(Date.now()) + 7n
    const timeSeconds = Math.floor(Date.now() / 1000)
    const word = encodeWord({ version, tag: 77n, expirySeconds, timeSeconds, flags })
    const data = registryInterface.encodeFunctionData("applyBatch", [[[subject, word]]])
    const to = bench.chain.addresses["ip-block"]
    await sendCalls(bench.chain.connection, key, [{ to, data }], 20_000)
  }

  for (let run = 0; run < RUNS; run += 1) {
    const seed = testSeed() + run
    it(`gives every subject the word it had, also when killed on the way (seed ${seed}, run ${run + 1} of ${RUNS})`, async () => {
      const random = seededRandom(seed)
      const subjects = someSubjects(SUBJECTS)
      const writer = bench.newWriter(laneKey)
      for (let wave = 0; wave < WAVES; wave += 1) {
        await request(bench, randomRequests(random, subjects))
        await bench.finish(writer)
        await expireDue(bench)
        await bench.finish(writer)
      }
      await writer.release()
      const told = await resultEvents()

      let kills = 0
      for (const afterMs of [40, 100, 200].map(most => random.below(most))) {
        const killed = start()
        await ended(killed, text => {
          if (/writing: /.test(text)) setTimeout(() => killed.kill("SIGKILL"), afterMs)
        })
        if (killed.signalCode === "SIGKILL") kills += 1
        if (killed.exitCode === 0) break
      }
      expect(kills).toBeGreaterThan(0)
      const { code, stdout, stderr } = await ended(start())
      expect(stderr).toContain("0 different")
      expect(code, stderr).toBe(0)
      const fresh = contractsIn(stdout)

      let stored = 0
      let over = 0
      for (const [type, keys] of [
        ["patient", subjects.patients],
        ["ip-block", subjects.addresses],
        ["attack-signature", subjects.patterns],
      ] as const) {
        const old = await words(bench.chain.addresses, type, keys)
        const rebuilt = await words(fresh, type, keys)
        for (const [index, word] of old.entries()) {
          if (word !== 0n) stored += 1
          if (rebuilt[index] !== word) over += 1
          expect(rebuilt[index]).toBe(asOfNow(word))
        }
      }
      const times = await effects(fresh)
      expect(times.size).toBe(stored)
      expect([...times.values()].every(count => count === 1)).toBe(true)
      expect(stored).toBeGreaterThan(SUBJECTS)
      expect(over).toBeLessThan(stored / 2)
      expect(await resultEvents()).toBe(told)
    })
  }

  it("loses and doubles nothing that comes meanwhile, and leaves the old contracts alone afterwards", async () => {
    const subjects = someSubjects(10)
    const deployments = createDeployments(bench.database.sql)
    const service = bench.newWriter(laneKey, {
      registries: registriesAt(bench.chain.addresses).map(registry => whileActive(registry, deployments)),
    })
    const { signal } = new AbortController()
    await request(bench, randomRequests(seededRandom(1), subjects))
    await bench.finish(service)
    let isOver = false
    const ticking = (async () => {
      while (!isOver) if ((await service.tick(signal).catch(() => 0)) === 0) await wait(5)
    })()
    // In flight and waiting when the rebuild begins, and coming while it goes on.
    await request(bench, randomRequests(seededRandom(2), subjects))
    const rebuilding = ended(start())
    for (let more = 3; more < 6; more += 1) {
      await request(bench, randomRequests(seededRandom(more), subjects))
      await wait(300)
    }
    const { code, stdout, stderr } = await rebuilding
    expect(code, stderr).toBe(0)
    const fresh = contractsIn(stdout)
    const before = await effects(bench.chain.addresses)
    await request(bench, randomRequests(seededRandom(6), subjects))
    await wait(1_000)
    expect(await effects(bench.chain.addresses)).toEqual(before)
    expect(await bench.unfinished()).toBeGreaterThan(0)
    const { findings } = await readChainWriterStatus(bench.database.sql)
    expect(new Set(findings.map(({ finding }) => finding))).toEqual(new Set(["contracts-replaced"]))
    isOver = true
    await ticking
    await service.release()

    await bench.finish(bench.newWriter(laneKey, { registries: registriesAt(fresh) }))
    const newest = await newestWords()
    for (const type of TYPES) {
      const keys = newest.filter(row => row.type === type)
      const rebuilt = await words(
        fresh,
        type,
        keys.map(({ subject }) => subject),
      )
      expect(rebuilt.map(word => decodeWord(word).version)).toEqual(keys.map(({ version }) => version))
    }
    const [row] = await bench.database.sql<{ doubled: number }[]>`
      select count(*)::int as doubled from (
        select causation_id from reconciler.outbox where type ~ '[.](confirmed|rejected|superseded)$'
        group by causation_id having count(*) > 1) d`
    expect(row?.doubled).toBe(0)
  })

  function registriesAt(contracts: Contracts) {
    return TYPES.map(type => createRegistry(bench.chain.connection, type, contracts[type]))
  }

  /** Of each subject the newest version that took effect, by the rows of live operations. */
  async function newestWords() {
    return bench.database.sql<{ type: OperationType; subject: Subject; version: bigint }[]>`
      select type, '0x' || encode(subject, 'hex') as subject, max(position) as version
      from reconciler.chain_operations
      where rebuild is null and result = 'confirmed' and kind <> 'expire-ip-block' group by type, subject`
  }

  it("leaves to other branches what is theirs, and tells of what it cannot bring about without them", async () => {
    const [theirs, kept, ours] = [anySubject(), anySubject(), anySubject()]
    const writer = bench.newWriter(laneKey)
    const expiresAt = Math.floor(Date.now() / 1000) + 3_600
    const block = (subject: Subject) => ({
      type: "block-ip.requested",
      subject,
      payload: { manual: false, expiresAt },
    })
    await foreignWrite(kept, FLAG.exists | FLAG.active | FLAG.manual)
    await request(bench, [block(theirs), block(kept), block(ours)])
    await bench.finish(writer)
    await foreignWrite(theirs, FLAG.exists)
    await writer.release()
    const { code, stdout, stderr } = await ended(start())
    expect(code, stderr).toBe(0)
    expect(stderr).toContain("1 equal, 0 blocks over meanwhile, 1 other branches', 0 different")
    const fresh = contractsIn(stdout)
    const [mine, taken, foreign] = await words(fresh, "ip-block", [ours, theirs, kept])
    expect(mine).toBe((await words(bench.chain.addresses, "ip-block", [ours]))[0])
    // Theirs is what this branch last did; a manual block of another branch is not this one's to bring.
    expect(decodeWord(taken ?? 0n).flags).toBe(FLAG.exists | FLAG.active)
    expect(foreign).toBe(0n)
  })

  it("counts and estimates without writing anything", async () => {
    const subjects = someSubjects(10)
    const writer = bench.newWriter(laneKey)
    await request(bench, randomRequests(seededRandom(3), subjects))
    await bench.finish(writer)
    const { code, stdout } = await ended(start("--dry-run", "--json"))
    expect(code).toBe(0)
    const estimate = JSON.parse(stdout)
    const [row] = await bench.database.sql<{ subjects: number }[]>`
      select count(distinct subject)::int as subjects from reconciler.chain_operations where result = 'confirmed'`
    const { patient, "ip-block": block, "attack-signature": signature } = estimate.subjects
    expect(patient + block + signature).toBe(row?.subjects)
    expect(estimate.transactions).toBe([patient, block, signature].reduce((n, x) => n + Math.ceil(x / 7), 0))
    expect(BigInt(estimate.gasAtMost)).toBeGreaterThan(0n)
    const { rebuild } = await createDeployments(bench.database.sql).current()
    expect(rebuild).toBeNull()
  })

  it("waits no longer than it was told for what is in flight, deploys nothing then, and can be abandoned", async () => {
    const key = await bench.chain.newWriter()
    const other = bench.newWriter(key, { confirmations: 1_000 })
    const subject = anySubject()
    await request(bench, [{ type: "register-patient.requested", subject, payload: {} }])
    await until(
      () => other.tick(new AbortController().signal),
      did => did > 0,
    )
    const { code, stderr } = await ended(start("--drain-seconds", "1"))
    expect(code, stderr).toBe(75)
    expect(stderr).toContain("1 open transactions of lane")
    const deployments = createDeployments(bench.database.sql)
    expect((await deployments.current()).rebuild).toMatchObject({ contracts: null })
    expect((await ended(start("--abandon-rebuild"))).code).toBe(0)
    expect((await deployments.current()).rebuild).toBeNull()
    await other.release()
    await bench.finish(bench.newWriter(key))
  })
})
