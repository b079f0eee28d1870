import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, expect, it } from "vitest"
import { append } from "../../src/adapters/postgres/event-log/append.ts"
import { subjectFromBytes } from "../../src/domain/subject.ts"
import { createBranch, type TestBranch } from "../support/branch.ts"
import { openTestChain, type TestChain } from "../support/chain.ts"
import { until } from "../support/until.ts"

let chain: TestChain
let branch: TestBranch

beforeAll(async () => {
  chain = await openTestChain()
  branch = await createBranch(chain)
})

afterAll(async () => {
  await branch.close()
  chain.close()
})

function newPatient() {
  return { type: "register-patient.requested", subject: subjectFromBytes(randomBytes(32)), payload: {} }
}

async function confirmed(): Promise<readonly string[]> {
  const rows = await branch.database.sql<{ subject: string }[]>`
    select '0x' || encode(subject, 'hex') as subject from reconciler.outbox where type = 'register-patient.confirmed'`
  return rows.map(row => row.subject)
}

it("confirms a transaction that commits after later ones, and skips nothing while it is open", async () => {
  const { sql } = branch.database
  const running = await branch.start()
  try {
    const late = newPatient()
    const others = Array.from({ length: 20 }, newPatient)
    const before = newPatient()
    await sql.begin(tx => append(tx, before))
    await until(confirmed, subjects => subjects.includes(before.subject))

    await sql.begin(async tx => {
      await append(tx, late)
      // Their positions are higher, and they are committed while this one is not.
      for (const other of others) await sql.begin(inner => append(inner, other))
    })

    const all = [before, late, ...others].map(event => event.subject).sort()
    const subjects = await until(confirmed, found => found.length >= all.length, 30_000)
    expect([...subjects].sort()).toEqual(all)
  } finally {
    await running.stop()
  }
})
