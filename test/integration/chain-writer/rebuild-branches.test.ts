import { AbiCoder, keccak256, toBeHex } from "ethers"
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest"
import { deployContracts } from "../../../src/adapters/ethereum/deploy.ts"
import { type KeyHolder, keyFromHex } from "../../../src/adapters/ethereum/keys.ts"
import { registryInterface } from "../../../src/adapters/ethereum/registries.ts"
import { createRegistry, WRITER_ROLE } from "../../../src/adapters/ethereum/registry.ts"
import { sendCalls } from "../../../src/adapters/ethereum/send.ts"
import { createDeployments } from "../../../src/adapters/postgres/chain-writer/deployments.ts"
import { setWriterId } from "../../../src/adapters/postgres/event-log/set-writer-id.ts"
import type { Contracts } from "../../../src/chain-writer/deployment-ports.ts"
import { seededRandom } from "../../../src/demo/random.ts"
import type { NewEvent } from "../../../src/domain/event.ts"
import type { OperationType } from "../../../src/domain/operation.ts"
import { lowestPositionAt } from "../../../src/domain/position.ts"
import type { Subject } from "../../../src/domain/subject.ts"
import { decodeWord, encodeWord, FLAG } from "../../../src/domain/word.ts"
import { type ChainWriterBench, openChainWriterBench } from "../../support/chain-writer.ts"
import { anySubject } from "../../support/event-builders.ts"
import { asOfNow, randomRequests, request, someSubjects } from "../../support/random-history.ts"
import { contractsIn, ended, type Ran, rebuildCommand } from "../../support/rebuild-command.ts"
import { testSeed } from "../../support/seed.ts"

const TYPES = ["patient", "ip-block", "attack-signature"] as const
const MANUAL = FLAG.exists | FLAG.active | FLAG.manual

/** One hospital that shares the contracts of the first. */
interface Branch {
  readonly bench: ChainWriterBench
  readonly laneKey: KeyHolder
  readonly admin: KeyHolder
  /** Requests, and all that follows from them on the contracts that are shared. */
  does(...requests: NewEvent[]): Promise<void>
  rebuild(contracts: Contracts | null, ...options: string[]): Promise<Ran>
  close(): Promise<void>
}

/** Contracts that several branches write to, replaced; and contracts that do not say what the log says. */
describe("deploy --rebuild beside other branches", { timeout: 180_000 }, () => {
  let branch: Branch
  let old: Contracts
  const others: Branch[] = []
  beforeEach(async () => {
    branch = await openBranch(1)
    old = branch.bench.chain.addresses
  })
  afterEach(async () => {
    for (const each of [branch, ...others.splice(0)]) await each.close()
  })

  async function openBranch(writerId: number, shared?: ChainWriterBench): Promise<Branch> {
    const bench = await openChainWriterBench()
    const { chain } = shared ?? bench
    await setWriterId(bench.database.sql, writerId)
    const [lane, admin] = [await chain.newWriterKey(), await chain.newWriterKey()]
    const laneKey = keyFromHex(lane)
    const command = rebuildCommand({ lane, admin })
    const { genesisHash } = chain.connection
    await createDeployments(bench.database.sql).adopt({ genesisHash, contracts: chain.addresses })
    return {
      bench,
      laneKey,
      admin: keyFromHex(admin),
      async does(...requests) {
        const writer = bench.newWriter(laneKey, { registries: registriesAt(chain.addresses) })
        await request(bench, requests)
        await bench.finish(writer)
        await writer.release()
      },
      rebuild: (contracts, ...options) =>
        ended(
          command.start(
            {
              DATABASE_URL: bench.database.url,
              BLOCKCHAIN_PROVIDER_URL: inject("blockchainProviderUrl"),
              WRITER_ID: String(writerId),
              ...(contracts && {
                PATIENT_REGISTRY_ADDRESS: contracts.patient,
                BLOCKED_IP_REGISTRY_ADDRESS: contracts["ip-block"],
                ATTACK_SIGNATURE_REGISTRY_ADDRESS: contracts["attack-signature"],
              }),
            },
            ...options,
          ),
        ),
      async close() {
        command.remove()
        await bench.close()
      },
    }
  }

  async function openSecondBranch(): Promise<Branch> {
    const second = await openBranch(2, branch.bench)
    others.push(second)
    return second
  }

  function registriesAt(contracts: Contracts) {
    return TYPES.map(type => createRegistry(branch.bench.chain.connection, type, contracts[type]))
  }

  async function words(contracts: Contracts, type: OperationType, subjects: readonly Subject[]) {
    return createRegistry(branch.bench.chain.connection, type, contracts[type]).words(subjects)
  }

  async function grant(contracts: Contracts, { laneKey }: Branch): Promise<void> {
    const data = registryInterface.encodeFunctionData("grantRole", [WRITER_ROLE, laneKey.address])
    const calls = TYPES.map(type => ({ to: contracts[type], data }))
    await sendCalls(branch.bench.chain.connection, branch.admin, calls, 20_000)
  }

  /** What a branch without a log here wrote, `secondsAgo`. */
  function foreignWord(flags: number, secondsAgo: number): bigint {
    const timeMs = Date.now() - secondsAgo * 1000
    const version = lowestPositionAt(timeMs) + 7n
    return encodeWord({ version, tag: 77n, expirySeconds: 0, timeSeconds: Math.floor(timeMs / 1000), flags })
  }

  async function writeBlock(contracts: Contracts, writer: KeyHolder, subject: Subject, word: bigint) {
    const data = registryInterface.encodeFunctionData("applyBatch", [[[subject, word]]])
    await sendCalls(branch.bench.chain.connection, writer, [{ to: contracts["ip-block"], data }], 20_000)
  }

  /** As another branch's `deploy --rebuild` leaves them: empty, and open to these writers. */
  function deployFor(...writers: KeyHolder[]): Promise<Contracts> {
    const { connection } = branch.bench.chain
    const addresses = writers.map(({ address }) => address)
    return deployContracts({ connection, deployer: branch.admin, writers: addresses })
  }

  async function activeContracts({ bench }: Branch): Promise<Contracts | undefined> {
    return (await createDeployments(bench.database.sql).current()).active?.contracts
  }

  const manualBlock = (subject: Subject): NewEvent => ({
    type: "block-ip.requested",
    subject,
    payload: { manual: true },
  })
  const unblock = (subject: Subject): NewEvent => ({ type: "unblock-ip.requested", subject, payload: {} })
  const block = (subject: Subject): NewEvent => ({
    type: "block-ip.requested",
    subject,
    payload: { manual: false, expiresAt: Math.floor(Date.now() / 1000) + 3_600 },
  })

  it(`brings each branch's part onto the contracts that the first made, the later version winning (seed ${testSeed()})`, async () => {
    const second = await openSecondBranch()
    const random = seededRandom(testSeed())
    const subjects = someSubjects(15)
    const last = anySubject()
    const patient = (type: string): NewEvent => ({ type, subject: last, payload: {} })
    await branch.does(...randomRequests(random, subjects))
    await second.does(...randomRequests(random, subjects), patient("register-patient.requested"))
    await branch.does(...randomRequests(random, subjects), patient("deactivate-patient.requested"))
    await second.does(...randomRequests(random, subjects))
    const before = await allWords(old)
    const first = await branch.rebuild(null)
    expect(first.code, first.stderr).toBe(0)
    const fresh = contractsIn(first.stdout)
    expect(await allWords(fresh)).not.toEqual(before.map(asOfNow))

    await grant(fresh, second)
    const onto = await second.rebuild(fresh, "--onto-configured")
    expect(onto.code, onto.stderr).toBe(0)
    expect(contractsIn(onto.stdout)).toEqual(fresh)
    expect(await activeContracts(second)).toEqual(fresh)
    expect(onto.stderr).toMatch(/newer by another branch: [1-9]/)
    expect(onto.stderr).toContain(" 0 different")
    expect(await allWords(fresh)).toEqual(before.map(asOfNow))

    async function allWords(contracts: Contracts): Promise<readonly bigint[]> {
      const { patients, addresses, patterns } = subjects
      return [
        ...(await words(contracts, "patient", [...patients, last])),
        ...(await words(contracts, "ip-block", addresses)),
        ...(await words(contracts, "attack-signature", patterns)),
      ]
    }
  })

  it("ends a manual block of the first branch where the second had ended it before it blocked again", async () => {
    const second = await openSecondBranch()
    const subject = anySubject()
    await branch.does(manualBlock(subject))
    await second.does(unblock(subject))
    await second.does(block(subject))
    const before = await words(old, "ip-block", [subject])
    expect(decodeWord(before[0] ?? 0n).flags).toBe(FLAG.exists | FLAG.active)
    const first = await branch.rebuild(null)
    const fresh = contractsIn(first.stdout)
    const [manual] = await words(fresh, "ip-block", [subject])
    expect(decodeWord(manual ?? 0n).flags).toBe(MANUAL)
    await grant(fresh, second)
    const onto = await second.rebuild(fresh, "--onto-configured")
    expect(onto.code, onto.stderr).toBe(0)
    expect(await words(fresh, "ip-block", [subject])).toEqual(before)
  })

  it("begins nothing on contracts that its lanes may not write to", async () => {
    const second = await openSecondBranch()
    const fresh = await deployFor(branch.laneKey)
    const refused = await second.rebuild(fresh, "--onto-configured")
    expect(refused.code).toBe(78)
    expect(refused.stderr).toContain(second.laneKey.address)
    expect((await createDeployments(second.bench.database.sql).current()).rebuild).toBeNull()
  })

  it("does not go on with other contracts than those that it is told of", async () => {
    const subject = anySubject()
    await branch.does(block(subject))
    await plant(subject, 0n)
    const own = await branch.rebuild(null, "--json")
    const { contracts, kind } = JSON.parse(own.stdout)
    expect(kind).toBe("different")
    const shared = await deployFor(branch.laneKey)
    const refused = await branch.rebuild(shared, "--onto-configured", "--accept-differences")
    expect(refused.code, refused.stderr).toBe(78)
    expect(refused.stderr).toContain(contracts.patient)
    expect(await activeContracts(branch)).toEqual(old)
  })

  it("switches to nothing while another branch's unblock is missing, and goes on when it has come (1, then 0)", async () => {
    const foreign = await branch.bench.chain.newWriter()
    const subject = anySubject()
    const [blocked, unblocked] = [foreignWord(MANUAL, 20), foreignWord(FLAG.exists, 15)]
    await writeBlock(old, foreign, subject, blocked)
    await writeBlock(old, foreign, subject, unblocked)
    await branch.does(block(subject))
    const fresh = await deployFor(branch.laneKey, foreign)
    await writeBlock(fresh, foreign, subject, blocked)
    const early = await branch.rebuild(fresh, "--onto-configured", "--json", "--accept-differences")
    expect(early.code, early.stderr).toBe(1)
    expect(JSON.parse(early.stdout)).toMatchObject({ kind: "incomplete", subjects: { asked: 1 } })
    expect(early.stderr).toContain("1 records do not take effect")
    expect(await activeContracts(branch)).toEqual(old)
    expect(await words(fresh, "ip-block", [subject])).toEqual([blocked])

    await writeBlock(fresh, foreign, subject, unblocked)
    const again = await branch.rebuild(fresh, "--onto-configured")
    expect(again.code, again.stderr).toBe(0)
    expect(await activeContracts(branch)).toEqual(fresh)
    expect(await words(fresh, "ip-block", [subject])).toEqual(await words(old, "ip-block", [subject]))
  })

  it("does not switch to contracts that have something else under a version of ours, whatever is accepted (1)", async () => {
    const foreign = await branch.bench.chain.newWriter()
    const [subject, other] = [anySubject(), anySubject()]
    await branch.does(block(subject), block(other))
    const [word = 0n] = await words(old, "ip-block", [subject])
    const fresh = await deployFor(branch.laneKey, foreign)
    const planted = encodeWord({ ...decodeWord(word), tag: 77n })
    await writeBlock(fresh, foreign, subject, planted)
    const ran = await branch.rebuild(fresh, "--onto-configured", "--accept-differences")
    expect(ran.code, ran.stderr).toBe(1)
    expect(ran.stderr).toContain("1 subjects have something else")
    expect(await activeContracts(branch)).toEqual(old)
    expect(await words(fresh, "ip-block", [subject, other])).toEqual([
      planted,
      ...(await words(old, "ip-block", [other])),
    ])
  })

  it("does not switch where the old contracts say something else than the log, unless that is accepted (1, then 0)", async () => {
    const [changed, lost, same] = [anySubject(), anySubject(), anySubject()]
    await branch.does(block(changed), block(lost), block(same))
    const logged = await words(old, "ip-block", [changed, lost, same])
    await plant(changed, encodeWord({ ...decodeWord(logged[0] ?? 0n), tag: 77n }))
    await plant(lost, 0n)
    const ran = await branch.rebuild(null, "--json")
    expect(ran.code, ran.stderr).toBe(1)
    const outcome = JSON.parse(ran.stdout)
    expect(outcome).toMatchObject({
      kind: "different",
      subjects: { right: 3, newer: 0, different: 0, asked: 0 },
      old: { equal: 1, over: 0, others: 0, different: 2 },
    })
    expect(ran.stderr).toContain("differ in 2 subjects")
    expect(await activeContracts(branch)).toEqual(old)
    // Nothing is deployed a second time, and nothing is accepted by calling it again.
    const again = await branch.rebuild(null)
    expect(again.code, again.stderr).toBe(1)
    const accepted = await branch.rebuild(null, "--accept-differences")
    expect(accepted.code, accepted.stderr).toBe(0)
    const fresh = contractsIn(accepted.stdout)
    expect(fresh).toEqual(outcome.contracts)
    expect(await activeContracts(branch)).toEqual(fresh)
    expect(await words(fresh, "ip-block", [changed, lost, same])).toEqual(logged)
  })

  /** Changes the old contract's storage itself. */
  async function plant(subject: Subject, word: bigint): Promise<void> {
    const { provider } = branch.bench.chain.connection
    const address = old["ip-block"]
    const [stored = 0n] = await words(old, "ip-block", [subject])
    for (let place = 0; place < 20; place += 1) {
      const slot = keccak256(AbiCoder.defaultAbiCoder().encode(["bytes32", "uint256"], [subject, place]))
      if (BigInt(await provider.getStorage(address, slot)) !== stored) continue
      await provider.send("hardhat_setStorageAt", [address, slot, toBeHex(word, 32)])
      expect(await words(old, "ip-block", [subject])).toEqual([word])
      return
    }
    throw new Error("the word is in no mapping of the first 20 slots")
  }
})
