import type { OperationType } from "../../../src/domain/operation.ts"
import type { Outcome } from "../../../src/domain/outcome.ts"
import { positionTimeMs } from "../../../src/domain/position.ts"
import { decodeWord, FLAG, type WordFields } from "../../../src/domain/word.ts"

const MAX_BLOCK_SECONDS = 366 * 24 * 3600
const MAX_AHEAD_MS = 300_000

/** The registries' rules, written a second time: what becomes of a record, and what is stored afterwards. */
export function decide(
  type: OperationType,
  stored: bigint,
  word: bigint,
  timestampSeconds: number,
): { readonly outcome: Outcome; readonly next: bigint } {
  const given = decodeWord(word)
  const old = decodeWord(stored)
  const unchanged = (outcome: Outcome) => ({ outcome, next: stored })
  if (given.version === 0n || !isValid(type, given)) return unchanged("Invalid")
  const same = word >> 128n === stored >> 128n
  if (given.version < old.version) return unchanged("Superseded")
  if (given.flags & FLAG.expire) {
    if (given.version > old.version) return unchanged("Missing")
    if (!same) return unchanged("Conflict")
    if (!(old.flags & FLAG.active)) return unchanged("AlreadyApplied")
    if (old.flags & FLAG.manual) return unchanged("Kept")
    if (old.expirySeconds > timestampSeconds) return unchanged("NotDue")
    return { outcome: "Applied", next: stored & ~BigInt(FLAG.active) }
  }
  if (given.version === old.version) return unchanged(same ? "AlreadyApplied" : "Conflict")
  if (positionTimeMs(given.version) > timestampSeconds * 1000 + MAX_AHEAD_MS) return unchanged("Future")
  if (given.expirySeconds > 0) {
    if (old.flags & FLAG.active && old.flags & FLAG.manual) return unchanged("Kept")
    if (given.expirySeconds <= timestampSeconds) {
      return { outcome: "Expired", next: word & ~BigInt(FLAG.active) }
    }
  }
  return { outcome: "Applied", next: word }
}

function isValid(type: OperationType, { flags, expirySeconds, timeSeconds }: WordFields): boolean {
  const { active, exists, manual, expire } = FLAG
  switch (type) {
    case "patient":
      return (flags === exists || flags === (exists | active)) && expirySeconds === 0
    case "attack-signature": {
      const severity = flags >> 8
      return (flags & 0xff) === (exists | active) && severity >= 1 && severity <= 10 && expirySeconds === 0
    }
    case "ip-block":
      if (flags === expire) return true
      if (flags === (exists | active))
        return expirySeconds > 0 && expirySeconds <= timeSeconds + MAX_BLOCK_SECONDS
      return (flags === exists || flags === (exists | active | manual)) && expirySeconds === 0
  }
}
