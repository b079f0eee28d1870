import { setTimeout as wait } from "node:timers/promises"
import { afterAll, beforeAll, expect, it } from "vitest"
import { allTopics, topicsWithPrefix } from "../../src/bus/topics.ts"
import { seededRandom } from "../../src/demo/random.ts"
import { ROLES } from "../../src/settings.ts"
import { createBranch, type TestBranch } from "../support/branch.ts"
import { openTestChain, type TestChain } from "../support/chain.ts"
import { liveThroughADay } from "../support/hospital-day.ts"
import { readAll } from "../support/kafka.ts"
import { outOfOrderInTopics, outOfOrderOnChain } from "../support/order.ts"
import { type RoleProcess, startRoleProcess } from "../support/role-process.ts"
import { testSeed } from "../support/seed.ts"

const KILLS_A_ROLE = Number(process.env.TEST_KILLS ?? 10)
const OPERATIONS = Number(process.env.TEST_OPERATIONS ?? 1_000)
const LONGEST_PAUSE_MS = 700
const TIMEOUT_MS = 300_000
const seed = testSeed()

let chain: TestChain
let branch: TestBranch
let processes: readonly RoleProcess[] = []

beforeAll(async () => {
  chain = await openTestChain()
  branch = await createBranch(chain)
})

afterAll(async () => {
  await Promise.all(processes.map(process => process.stop()))
  await branch.close()
  chain.close()
})

/** Each role as often as the others, at moments that nobody chose. */
async function killEachRole(): Promise<number> {
  const random = seededRandom(seed)
  const kills = random.shuffled(
    processes.flatMap(process => Array.from({ length: KILLS_A_ROLE }, () => process)),
  )
  for (const process of kills) {
    await wait(random.below(LONGEST_PAUSE_MS))
    await process.killAndRestart()
  }
  return kills.length
}

it(
  `loses, doubles and reorders nothing when each role is killed ${KILLS_A_ROLE} times under load (TEST_SEED=${seed})`,
  async () => {
    processes = ROLES.map(role => startRoleProcess(role, branch.environment))
    const order: string[] = []
    const [day, kills] = await Promise.all([
      liveThroughADay(chain, branch, { operations: OPERATIONS, seed }).finally(() => order.push("day")),
      killEachRole().finally(() => order.push("kills")),
    ])
    const said = processes.map(process => `${process.role}: ${process.output()}`).join("\n")

    expect(kills).toBe(KILLS_A_ROLE * ROLES.length)
    expect(order, "the load must last longer than the kills, or nothing was tried").toEqual(["kills", "day"])
    expect(day.report, `${day.diagnosis}\n${said}`).toMatchObject({ lost: 0, doubled: 0, mismatches: 0 })
    expect(day.holds, day.diagnosis).toBe(true)
    expect(outOfOrderInTopics(await readAll(allTopics(topicsWithPrefix(branch.config.topicPrefix))))).toEqual(
      [],
    )
    expect(await outOfOrderOnChain(chain.connection.provider, chain.addresses)).toEqual([])
    expect(await operationsWithSeveralResults()).toEqual([])
  },
  TIMEOUT_MS,
)

async function operationsWithSeveralResults(): Promise<readonly unknown[]> {
  return branch.database.sql`
    select payload ->> 'operationId' as operation, count(*)::int as results from reconciler.outbox
    where payload ? 'operationId' group by 1 having count(*) > 1`
}
