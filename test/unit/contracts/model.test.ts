import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type ModelChain, type ModelContract, openModelChain } from "../../support/contract-model/chain.ts"
import { execute } from "../../support/contract-model/execute.ts"
import { type FinishedRun, findWrong, OUTCOME } from "../../support/contract-model/oracle.ts"
import { allRuns } from "../../support/contract-model/runs.ts"
import { operationsAHistory } from "../../support/contract-model/size.ts"

const operations = operationsAHistory()
const RUNS: Readonly<Record<number, number>> = { 2: 232, 3: 4_456, 4: 114_856 }

describe(`every history of a subject of up to ${operations} operations, delivered in every way`, () => {
  let chain: ModelChain

  beforeAll(async () => {
    chain = await openModelChain()
  }, 120_000)
  afterAll(() => chain.close())

  const wrongRuns = async (contract: ModelContract, runs = allRuns(operations)) => {
    const finished = await execute(chain, contract, runs)
    const wrong = finished.flatMap(run => describeWrong(run) ?? [])
    return { finished, wrong }
  }

  test("ends on the chain as its log says", async () => {
    const contract = await chain.deployRegistry()
    const { finished, wrong } = await wrongRuns(contract)

    expect(finished.length).toBe(RUNS[operations])
    expect({ wrong: wrong.length, first: wrong.slice(0, 3) }).toEqual({ wrong: 0, first: [] })
    expect(await contract.activeCount()).toBe(finished.filter(run => (run.word & 1n) === 1n).length)
    // Otherwise the model would not have been where it matters.
    const outcomes = new Set(finished.flatMap(run => run.answers.map(answer => answer.outcome)))
    expect([...outcomes].sort()).toEqual([1, 2, 3, OUTCOME.expired, OUTCOME.kept, OUTCOME.missing])
  }, 600_000)

  // In the reference, whose rules can be overridden one by one. Three operations are enough for all of them; the
  // counts are what the model found, so that a model that has become blind to some of it is seen.
  test.each([
    { rules: "ReferenceBlocks", wrong: 0 },
    { rules: "ClearsOnExpiry", wrong: 141 },
    { rules: "SkipsExpired", wrong: 751 },
    { rules: "RefusesUnknownUnblock", wrong: 482 },
    { rules: "KeepsNothing", wrong: 380 },
  ])(
    "finds $wrong of 4456 runs wrong where the rules are those of $rules",
    async ({ rules, wrong }) => {
      const found = await wrongRuns(await chain.deployReference(rules), allRuns(3))
      expect(found.wrong.length).toBe(wrong)
    },
    60_000,
  )
})

function describeWrong(finished: FinishedRun): string | undefined {
  const wrong = findWrong(finished)
  const log = finished.run.log.map(o => `${o.kind}${o.kind === "automatic" ? `(${o.endsAt})` : ""}`)
  const order = finished.answers.map(a => `${a.operation.position}@${a.at}→${a.outcome}`)
  return wrong && `${wrong}: log ${log.join(", ")}; delivered ${order.join(", ")}`
}
