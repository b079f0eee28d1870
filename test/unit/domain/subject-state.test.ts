import { describe, expect, it } from "vitest"
import type { EventRecord } from "../../../src/domain/event.ts"
import { operationDefinition, operationKindOf } from "../../../src/domain/operations/index.ts"
import {
  compareWords,
  createStateReader,
  type SubjectState,
  standingOf,
  type Told,
} from "../../../src/domain/subject-state.ts"
import { decodeWord, encodeWord, FLAG } from "../../../src/domain/word.ts"
import {
  anySubject,
  blockRequested,
  confirmed,
  event,
  expired,
  manualBlockRequested,
  result,
  unblockRequested,
} from "../../support/event-builders.ts"

const tombstone = (word: bigint) => word & ~BigInt(FLAG.active)

function read(...events: readonly EventRecord[]): readonly Told[] {
  const reader = createStateReader()
  return events.flatMap(each => reader(each) ?? [])
}

function wordOf(request: EventRecord): bigint {
  const kind = operationKindOf(request.type)
  if (!kind) throw new Error("not a request")
  return operationDefinition(kind).word(request)
}

function stateOf(request: EventRecord, ended = false): SubjectState {
  const kind = operationKindOf(request.type)
  if (!kind) throw new Error("not a request")
  const { type } = operationDefinition(kind)
  return { subject: request.subject, type, kind, version: request.position, word: wordOf(request), ended }
}

describe("the states that the log tells of", () => {
  it("are of operations that took effect", () => {
    const [done, open, refused, late] = [
      event("register-patient.requested", anySubject()),
      event("register-patient.requested", anySubject()),
      event("register-patient.requested", anySubject()),
      event("register-patient.requested", anySubject()),
    ]
    const events = [done, open, refused, late, confirmed(done), result(refused, "rejected")]
    const told = read(...events, result(late, "superseded"))
    expect(told).toEqual([{ kind: "state", state: stateOf(done) }])
  })

  it("are ended for a block that was over on arrival, and by an expiry that took effect", () => {
    const [over, later] = [blockRequested(anySubject(), -5), blockRequested(anySubject(), 60)]
    const expiry = expired(later)
    expect(
      read(over, later, confirmed(over, "Expired"), confirmed(later), expiry, confirmed(expiry)),
    ).toEqual([
      { kind: "state", state: stateOf(over, true) },
      { kind: "state", state: stateOf(later) },
      { kind: "ended", subject: later.subject, version: later.position },
    ])
  })

  it("do not end by an expiry that came to nothing", () => {
    const block = blockRequested(anySubject(), 60)
    const expiry = expired(block)
    expect(read(block, confirmed(block), expiry, result(expiry, "superseded"))).toHaveLength(1)
  })

  it("cannot be told when the request of a result is missing", () => {
    const request = event("register-patient.requested", anySubject())
    expect(read(confirmed(request))).toEqual([{ kind: "gap", operationId: request.eventId }])
  })
})

describe("where a subject stands on new contracts", () => {
  const block = blockRequested(anySubject(), 60)
  const word = wordOf(block)
  const older = (flags: number) =>
    encodeWord({ ...decodeWord(word), version: block.position - 1n, expirySeconds: 0, flags })

  it.each([
    ["nothing stored", stateOf(block), 0n, "missing"],
    ["an older word", stateOf(block), word - (1n << 192n), "missing"],
    ["an older manual block", stateOf(block), older(FLAG.exists | FLAG.active | FLAG.manual), "kept"],
    ["an older unblock", stateOf(block), older(FLAG.exists), "missing"],
    ["its word", stateOf(block), word, "right"],
    ["a newer word", stateOf(block), word + (1n << 192n), "newer"],
    ["another operation of that version", stateOf(block), word ^ (1n << 128n), "different"],
    ["its tombstone, over on arrival", stateOf(block), tombstone(word), "right"],
    ["its tombstone, ended", stateOf(block, true), tombstone(word), "right"],
    ["its word, ended", stateOf(block, true), word, "missing"],
    ["an unblock's word", stateOf(unblockRequested(block.subject)), 0n, "missing"],
  ] as const)("%s", (_name, state, stored, kind) => {
    expect(standingOf(state, stored).kind).toBe(kind)
  })

  it("an unblock and a manual block are right with their word only", () => {
    for (const request of [unblockRequested(anySubject()), manualBlockRequested(anySubject())]) {
      expect(standingOf(stateOf(request), wordOf(request)).kind).toBe("right")
    }
    const manual = manualBlockRequested(anySubject())
    expect(standingOf(stateOf(manual), tombstone(wordOf(manual))).kind).toBe("different")
  })

  it("needs the block's own record, and its expiry only where the block still stands", () => {
    const missing = standingOf(stateOf(block, true), 0n)
    expect(missing).toEqual({ kind: "missing", operation: "block-ip", word })
    const expiry = standingOf(stateOf(block, true), word)
    const { version, tag } = decodeWord(word)
    expect(expiry).toMatchObject({ operation: "expire-ip-block" })
    const sent = expiry.kind === "missing" ? decodeWord(expiry.word) : null
    expect(sent).toMatchObject({ version, tag, flags: FLAG.expire })
  })
})

describe("old contracts beside new ones", () => {
  const block = blockRequested(anySubject(), 60)
  const word = wordOf(block)
  const foreign = encodeWord({ ...decodeWord(word), version: block.position + 7n })

  it.each([
    ["the same word", word, word, "equal"],
    ["over since", word, tombstone(word), "over"],
    ["newer on the old ones", foreign, word, "others"],
    ["newer on the new ones", word, foreign, "others"],
    ["missing on the old ones", 0n, word, "different"],
    ["standing again", tombstone(word), word, "different"],
    ["another operation", word ^ (1n << 128n), word, "different"],
  ] as const)("%s", (_name, old, fresh, comparison) => {
    expect(compareWords(stateOf(block), old, fresh)).toBe(comparison)
  })

  it("tell an expiry that only the log knows from a block that is over since", () => {
    expect(compareWords(stateOf(manualBlockRequested(anySubject())), word, tombstone(word))).toBe("different")
  })
})
