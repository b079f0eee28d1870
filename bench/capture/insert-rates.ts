import { randomBytes } from "node:crypto"
import { closeDatabase, openDatabase, type Sql } from "../../src/adapters/postgres/client.ts"
import {
  blockRow,
  middlewareBlocks,
  patientRow,
  registerPatientView,
  type Step,
} from "../../test/support/caregrid/recorded.ts"
import type { BenchDatabase } from "../relay/servers.ts"
import { median, round } from "../relay/statistics.ts"

const SESSIONS = 4
const ROUNDS = 6
const ROUND_MS = 2_000

export interface InsertRates {
  readonly what: string
  readonly perSecondWithout: number
  readonly perSecondWith: number
  /** Of the rounds, each with its neighbour; the middle one. */
  readonly ratio: number
  readonly ratios: readonly number[]
}

/** The app's own statements, as it sends them: rows a second of several sessions, each waiting for its commits. */
export async function measureInsertRates(database: BenchDatabase): Promise<readonly InsertRates[]> {
  return [
    await measure(database, "a block by the middleware", "firewall_blockedip", () =>
      middlewareBlocks(randomBlock()),
    ),
    await measure(database, "a block alone", "firewall_blockedip", () =>
      middlewareBlocks(randomBlock()).slice(1),
    ),
    await measure(database, "a patient by the view", "core_patient", () =>
      registerPatientView(patientRow({ blockchain_id: `0x${randomBytes(32).toString("hex")}` }), 0, "down"),
    ),
  ]
}

async function measure(
  { sql, url }: BenchDatabase,
  what: string,
  table: string,
  next: () => readonly Step[],
): Promise<InsertRates> {
  const sessions = Array.from({ length: SESSIONS }, () =>
    openDatabase({ url, max: 1, applicationName: "bench-app" }),
  )
  const pairs: { readonly without: number; readonly with: number }[] = []
  await runRound(sessions, next)
  for (let count = 0; count < ROUNDS; count += 1) {
    await sql.unsafe(`alter table ${table} disable trigger user`)
    const without = await runRound(sessions, next)
    await sql.unsafe(`alter table ${table} enable trigger user`)
    pairs.push({ without, with: await runRound(sessions, next) })
  }
  await Promise.all(sessions.map(closeDatabase))
  const ratios = pairs.map(pair => round(pair.with / pair.without))
  return {
    what,
    perSecondWithout: median(pairs.map(pair => pair.without)),
    perSecondWith: median(pairs.map(pair => pair.with)),
    ratio: median(ratios),
    ratios,
  }
}

async function runRound(sessions: readonly Sql[], next: () => readonly Step[]): Promise<number> {
  const startedMs = performance.now()
  let rows = 0
  await Promise.all(
    sessions.map(async session => {
      while (performance.now() - startedMs < ROUND_MS) {
        for (const step of next()) {
          if (typeof step === "string") await session.unsafe(step)
          else if ("text" in step) await session.unsafe(step.text, [...step.values], { prepare: true })
        }
        rows += 1
      }
    }),
  )
  return rows / ((performance.now() - startedMs) / 1000)
}

function randomBlock() {
  const bytes = randomBytes(36)
  const ip_address = (bytes.toString("hex", 0, 16).match(/.{4}/g) ?? []).join(":")
  const expiry_time = new Date(Date.now() + 86_400_000).toISOString()
  return blockRow({ ip_address, ip_hash: randomBytes(32).toString("hex"), expiry_time })
}
