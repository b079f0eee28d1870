import type { Outcome } from "../domain/outcome.ts"
import { positionTimeMs } from "../domain/position.ts"
import { decodeWord, FLAG } from "../domain/word.ts"
import { MAX_AHEAD_MS } from "./results.ts"

/** A record, and the word stored under its subject before and after the block that has it. */
export interface SlotRecord {
  readonly word: bigint
  readonly before: bigint
  readonly after: bigint
}

/**
 * What the contract said of each record of a batch that it has executed, as far as its storage shows it; where it does
 * not, what it would say if the record came again now, which is what sending it again would end in.
 * - Version and tag of ours are stored: it took effect, in this block or before.
 * - A newer version is stored: superseded, unless that is a later record's of this batch; then ours was there for a moment.
 * - An older one is stored: it was not taken, or may not be taken yet. Only a manual block tells which: `Kept`.
 */
export function outcomesFromSlots(
  records: readonly SlotRecord[],
  blockTimestampSeconds: number,
): readonly Outcome[] {
  return records.map((record, index) => {
    const isExpiry = (decodeWord(record.word).flags & FLAG.expire) !== 0
    if (isExpiry) return expiryOutcome(record)
    const later = records.slice(index + 1).find(({ word }) => identity(word) === identity(record.after))
    const written = writeOutcome(record, later !== undefined)
    return written ?? refusalOutcome(record, blockTimestampSeconds)
  })
}

/** Null where what is stored is older. */
function writeOutcome({ word, before, after }: SlotRecord, overwrittenByOurs: boolean): Outcome | null {
  const [given, was, is] = [decodeWord(word), decodeWord(before), decodeWord(after)]
  if (is.version > given.version) {
    return overwrittenByOurs && was.version < given.version ? "Applied" : "Superseded"
  }
  if (is.version < given.version) return null
  if (identity(word) !== identity(after)) return "Conflict"
  if (identity(before) === identity(after)) return "AlreadyApplied"
  return given.flags & FLAG.active && !(is.flags & FLAG.active) ? "Expired" : "Applied"
}

/** An expiry has version and tag of the block that it ends. */
function expiryOutcome({ word, before, after }: SlotRecord): Outcome {
  const [given, was, is] = [decodeWord(word), decodeWord(before), decodeWord(after)]
  if (is.version > given.version) return "Superseded"
  if (is.version < given.version) return "Missing"
  if (identity(word) !== identity(after)) return "Conflict"
  if (is.flags & FLAG.active) return is.flags & FLAG.manual ? "Kept" : "NotDue"
  return was.flags & FLAG.active && identity(before) === identity(after) ? "Applied" : "AlreadyApplied"
}

/** What is not of the future and not kept out by a manual block may be of use again: that is cheap, and certain. */
function refusalOutcome({ word, after }: SlotRecord, blockTimestampSeconds: number): Outcome {
  const [given, is] = [decodeWord(word), decodeWord(after)]
  if (positionTimeMs(given.version) > blockTimestampSeconds * 1000 + MAX_AHEAD_MS) return "Future"
  const isManual = (is.flags & FLAG.active) !== 0 && (is.flags & FLAG.manual) !== 0
  return given.expirySeconds > 0 && isManual ? "Kept" : "Future"
}

/** Version and tag: which operation wrote it. */
function identity(word: bigint): bigint {
  return word >> 128n
}
