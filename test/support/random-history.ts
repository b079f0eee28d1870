import { append } from "../../src/adapters/postgres/event-log/append.ts"
import { readHistory } from "../../src/adapters/postgres/log-archive/read-history.ts"
import type { Random } from "../../src/demo/random.ts"
import type { EventRecord, NewEvent } from "../../src/domain/event.ts"
import { operationKindOf } from "../../src/domain/operations/index.ts"
import type { Subject } from "../../src/domain/subject.ts"
import { decodeWord, FLAG } from "../../src/domain/word.ts"
import type { ChainWriterBench } from "./chain-writer.ts"
import { anySubject, expired } from "./event-builders.ts"

const DAY_SECONDS = 86_400

export interface Subjects {
  readonly patients: readonly Subject[]
  readonly addresses: readonly Subject[]
  readonly patterns: readonly Subject[]
}

export function someSubjects(count: number): Subjects {
  const some = () => Array.from({ length: count }, anySubject)
  return { patients: some(), addresses: some(), patterns: some() }
}

/** One random request a subject, or none; a block may be over already, soon, or in a day. */
export function randomRequests(random: Random, subjects: Subjects): readonly NewEvent[] {
  const nowSeconds = Math.floor(Date.now() / 1000)
  const address = (subject: Subject): NewEvent => {
    const expiresAt = nowSeconds + random.pick([-5, 1, DAY_SECONDS])
    return random.pick([
      { type: "block-ip.requested", subject, payload: { manual: false, expiresAt } },
      { type: "block-ip.requested", subject, payload: { manual: false, expiresAt } },
      { type: "block-ip.requested", subject, payload: { manual: true } },
      { type: "unblock-ip.requested", subject, payload: {} },
    ])
  }
  const patient = (subject: Subject): NewEvent => ({
    type: random.chance(0.7) ? "register-patient.requested" : "deactivate-patient.requested",
    subject,
    payload: {},
  })
  const pattern = (subject: Subject): NewEvent => ({
    type: "add-attack-signature.requested",
    subject,
    payload: { severity: 1 + random.below(10) },
  })
  const all = [
    ...subjects.patients.map(patient),
    ...subjects.addresses.map(address),
    ...subjects.patterns.map(pattern),
  ]
  return random.shuffled(all.filter(() => random.chance(0.8)))
}

/** Everything in the log that asks for something. */
export async function requestsIn(bench: ChainWriterBench): Promise<readonly EventRecord[]> {
  const events: EventRecord[] = []
  for await (const page of readHistory(bench.database.sql, null)) events.push(...page)
  return events.filter(({ type }) => operationKindOf(type) !== undefined)
}

/** Appends the requests and takes them in, as they come from the log; what was taken in before is not a second time. */
export async function request(bench: ChainWriterBench, requests: readonly NewEvent[]): Promise<void> {
  for (const each of requests) await append(bench.database.sql, each)
  await bench.requested(...(await requestsIn(bench)))
}

/** Appends the expiry of every block that is over by now, as the projector would. */
export async function expireDue(bench: ChainWriterBench): Promise<void> {
  const { sql } = bench.database
  const requests = await requestsIn(bench)
  const nowSeconds = Date.now() / 1000
  const told = new Set(requests.filter(({ type }) => type === "ip-block.expired").map(e => e.causationId))
  const due = requests.filter(
    ({ type, eventId, payload }) =>
      type === "block-ip.requested" &&
      !told.has(eventId) &&
      Number(payload.expiresAt ?? Infinity) <= nowSeconds,
  )
  for (const { type, subject, payload, causationId, traceparent } of due.map(expired)) {
    await sql`
      select reconciler.append_internal(${type}, decode(${subject.slice(2)}, 'hex'),
        ${JSON.stringify(payload)}::text::jsonb, ${causationId}::uuid, ${traceparent})`
  }
  await bench.requested(...(await requestsIn(bench)))
}

/** A block that is over by now is a tombstone where it is written anew: the only difference there may be. */
export function asOfNow(word: bigint): bigint {
  const { expirySeconds } = decodeWord(word)
  const isOver = expirySeconds > 0 && expirySeconds <= Date.now() / 1000
  return isOver ? word & ~BigInt(FLAG.active) : word
}
