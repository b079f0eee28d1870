import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, expect, it } from "vitest"
import { createRegistry } from "../../src/adapters/ethereum/registry.ts"
import { append } from "../../src/adapters/postgres/event-log/append.ts"
import { positionWriterId } from "../../src/domain/position.ts"
import { type Subject, subjectFromBytes } from "../../src/domain/subject.ts"
import { decodeWord, FLAG } from "../../src/domain/word.ts"
import { createBranch, type RunningRoles, type TestBranch } from "../support/branch.ts"
import { createCareGridApp } from "../support/caregrid-app.ts"
import { openTestChain, type TestChain } from "../support/chain.ts"
import { event } from "../support/event-builders.ts"
import { readLogAbout } from "../support/read-log.ts"
import { until } from "../support/until.ts"

const SUBJECTS = 20

let chain: TestChain
let a: TestBranch
let b: TestBranch

beforeAll(async () => {
  chain = await openTestChain()
  a = await createBranch(chain, { writerId: 1 })
  b = await createBranch(chain, { writerId: 2 })
})

afterAll(async () => {
  await a.close()
  await b.close()
  chain.close()
})

async function request(branch: TestBranch, type: string, subject: Subject, payload: object): Promise<bigint> {
  const result = await branch.database.sql.begin(tx => append(tx, { type, subject, payload: { ...payload } }))
  if (result.outcome !== "appended") throw new Error("nothing was appended")
  return result.position
}

const block = (branch: TestBranch, subject: Subject, seconds = 3_600) =>
  request(branch, "block-ip.requested", subject, {
    manual: false,
    expiresAt: Math.floor(Date.now() / 1000) + seconds,
  })
const blockManually = (branch: TestBranch, subject: Subject) =>
  request(branch, "block-ip.requested", subject, { manual: true })
const unblock = (branch: TestBranch, subject: Subject) => request(branch, "unblock-ip.requested", subject, {})

async function results(branch: TestBranch, subjects: readonly Subject[]): Promise<readonly string[]> {
  const rows = await branch.database.sql<{ type: string }[]>`
    select type from reconciler.outbox
    where payload ? 'operationId' and '0x' || encode(subject, 'hex') in ${branch.database.sql([...subjects])}`
  return rows.map(row => row.type)
}

function allFinal(branch: TestBranch, subjects: readonly Subject[], operationsEach: number) {
  return until(
    () => results(branch, subjects),
    found => found.length >= subjects.length * operationsEach,
    30_000,
  )
}

/** The clock that orders branches counts in milliseconds; within one, either may come first. */
function nextMillisecond(): Promise<number> {
  const last = Date.now() + 1
  return until(Date.now, now => now > last)
}

/** Which branch's messages reach the chain first; the clock must win, not the order of arrival. */
const arrivals = {
  "as they are made": async () => [await a.start(), await b.start()],
  "B's only after all of A's": async (subjects: readonly Subject[]) => {
    const first = await a.start()
    await allFinal(a, subjects, 2)
    return [first, await b.start()]
  },
  "A's only after all of B's": async (subjects: readonly Subject[]) => {
    const first = await b.start()
    await allFinal(b, subjects, 1)
    return [first, await a.start()]
  },
} satisfies Record<string, (subjects: readonly Subject[]) => Promise<RunningRoles[]>>

it.each(Object.entries(arrivals))(
  "ends as the clock says when A blocks, B unblocks and A blocks again, arriving %s",
  async (_arrival, startBoth) => {
    const subjects = Array.from({ length: SUBJECTS }, () => subjectFromBytes(randomBytes(32)))
    const last = new Map<Subject, bigint>()
    for (const subject of subjects) {
      const blocked = await block(a, subject)
      await nextMillisecond()
      const unblocked = await unblock(b, subject)
      await nextMillisecond()
      const blockedAgain = await block(a, subject)
      last.set(subject, blockedAgain)
      expect(
        blocked < unblocked && unblocked < blockedAgain,
        "positions are ordered by time over branches",
      ).toBe(true)
      expect([blocked, unblocked].map(positionWriterId)).toEqual([1, 2])
    }

    const running = await startBoth(subjects)
    try {
      const atA = await allFinal(a, subjects, 2)
      const atB = await allFinal(b, subjects, 1)
      expect(atA).toHaveLength(SUBJECTS * 2)
      expect(atB).toHaveLength(SUBJECTS)
      expect([...atA, ...atB].filter(type => type.endsWith(".rejected"))).toEqual([])
    } finally {
      await Promise.all(running.map(roles => roles.stop()))
    }

    const words = await createRegistry(chain.connection, "ip-block", chain.addresses["ip-block"]).words(
      subjects,
    )
    for (const [index, subject] of subjects.entries()) {
      const { version, flags } = decodeWord(words[index] ?? 0n)
      expect(version).toBe(last.get(subject))
      expect(flags & FLAG.active).toBe(FLAG.active)
    }
  },
  90_000,
)

it("takes a branch's rows out at their end although another branch's blocks stand on the chain", async () => {
  const [overtaken, superseded, kept] = Array.from({ length: 3 }, () => subjectFromBytes(randomBytes(32)))
  const app = createCareGridApp(b.database.sql, "public")
  const blockAtB = async (subject: Subject) => {
    const position = await block(b, subject, 2)
    const request = { ...event("block-ip.requested", subject), position }
    await app.write("firewall_blockedip", request, { expiresInMs: 2_000 })
  }
  const typesAtB = async (subject: Subject) =>
    (await readLogAbout(b.database.sql, subject)).map(({ type }) => type).slice(1)

  const atA = await a.start()
  await blockManually(a, kept!)
  await allFinal(a, [kept!], 1)
  await blockAtB(superseded!)
  await block(a, superseded!)
  await allFinal(a, [superseded!], 1)
  // Without B's timers, so that A's block is there before B's is over.
  const withoutTimers = await b.start({ roles: ["relay", "chain-writer"] })
  await blockAtB(overtaken!)
  await blockAtB(kept!)
  await allFinal(b, [overtaken!, superseded!, kept!], 1)
  await withoutTimers.stop()
  await block(a, overtaken!)
  await allFinal(a, [overtaken!], 1)

  const atB = await b.start()
  try {
    const subjects = [overtaken!, superseded!, kept!]
    const types = await until(
      () => Promise.all(subjects.map(typesAtB)),
      found => found.every(about => about.includes("ip-block.removed")),
      30_000,
    )
    expect(types).toEqual([
      ["block-ip.confirmed", "ip-block.expired", "expire-ip-block.superseded", "ip-block.removed"],
      // Nothing of them is on the chain: nothing is asked of it.
      ["block-ip.superseded", "ip-block.removed"],
      ["block-ip.superseded", "ip-block.removed"],
    ])
    const rows = await Promise.all(subjects.map(subject => app.read("firewall_blockedip", subject)))
    expect(rows).toEqual([null, null, null])
  } finally {
    await Promise.all([atA.stop(), atB.stop()])
  }
}, 90_000)
