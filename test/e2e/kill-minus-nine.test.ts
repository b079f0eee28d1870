import { setTimeout as wait } from "node:timers/promises"
import { afterAll, beforeAll, expect, it } from "vitest"
import { allTopics, topicsWithPrefix } from "../../src/bus/topics.ts"
import { type Random, seededRandom } from "../../src/demo/random.ts"
import { ROLES } from "../../src/settings.ts"
import { createBranch, type TestBranch } from "../support/branch.ts"
import { openTestChain, type TestChain } from "../support/chain.ts"
import { liveThroughADay } from "../support/hospital-day.ts"
import { readAll } from "../support/kafka.ts"
import { outOfOrderInTopics, outOfOrderOnChain } from "../support/order.ts"
import { type RoleProcess, startRoleProcess } from "../support/role-process.ts"
import { testSeed } from "../support/seed.ts"

const KILLS_A_ROLE = Number(process.env.TEST_KILLS ?? 10)
const OPERATIONS = Number(process.env.TEST_OPERATIONS ?? 1_500)
/** Small batches: the more steps there are, the more of them a kill can fall between. */
const SMALL_BATCHES = { RELAY_BATCH_SIZE: "10", BATCH_SIZE: "8" }
const LONGEST_PAUSE_MS = 400
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

/**
 * Kills one role again and again at moments that nobody chose: mostly while it works, every fourth time wherever its
 * start has come to. Resolves with the number of kills.
 */
async function killOften(process: RoleProcess, random: Random): Promise<number> {
  for (let kills = 0; kills < KILLS_A_ROLE; kills += 1) {
    if (!random.chance(1 / 4)) await process.working()
    await wait(random.below(LONGEST_PAUSE_MS))
    await process.killAndRestart()
  }
  return KILLS_A_ROLE
}

it(
  `loses, doubles and reorders nothing when each role is killed ${KILLS_A_ROLE} times under load (TEST_SEED=${seed})`,
  async () => {
    processes = ROLES.map(role => startRoleProcess(role, { ...branch.environment, ...SMALL_BATCHES }))
    let killing = true
    const killed = Promise.all(
      processes.map((process, n) => killOften(process, seededRandom(seed + n))),
    ).finally(() => {
      killing = false
    })
    // There is load for as long as there are kills, however fast the machine is.
    const days = []
    do days.push(await liveThroughADay(chain, branch, { operations: OPERATIONS, seed: seed + days.length }))
    while (killing)

    expect(await killed).toEqual(ROLES.map(() => KILLS_A_ROLE))
    const said = processes.map(process => `${process.role}: ${process.output()}`).join("\n")
    for (const day of days) {
      expect(day.report, `${day.diagnosis}\n${said}`).toMatchObject({ lost: 0, doubled: 0, mismatches: 0 })
      expect(day.holds, day.diagnosis).toBe(true)
    }
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
