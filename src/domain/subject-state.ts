import { classifyEvent, type EventRecord, resultPayloadSchema } from "./event.ts"
import type { OperationType } from "./operation.ts"
import { expireIpBlock } from "./operations/expire-ip-block.ts"
import { type OperationKind, operationDefinition } from "./operations/index.ts"
import { verdictOf } from "./outcome.ts"
import type { Position } from "./position.ts"
import type { Subject } from "./subject.ts"
import { decodeWord, encodeWord, FLAG } from "./word.ts"

/** What the log says of a subject's place on the chain: of its operations that took effect, the newest. */
export interface SubjectState {
  readonly subject: Subject
  readonly type: OperationType
  readonly kind: OperationKind
  readonly version: Position
  /** The record that was applied. */
  readonly word: bigint
  /** The block was over on arrival, or its expiry took effect: its tombstone stands. */
  readonly ended: boolean
}

/** What one event adds to the states of subjects. */
export type Told =
  | { readonly kind: "state"; readonly state: SubjectState }
  /** The block of this version is over, by a confirmed expiry. */
  | { readonly kind: "ended"; readonly subject: Subject; readonly version: Position }
  /** A result whose request was not among the events: part of the log is missing. */
  | { readonly kind: "gap"; readonly operationId: string }

/**
 * Reads the log in the order of positions; the same event twice changes nothing. Keeps only requests that have no result
 * yet, so that a long log takes no memory. An operation that is not confirmed did not change the chain, or has not yet.
 */
export function createStateReader(): (event: EventRecord) => Told | null {
  const open = new Map<string, EventRecord>()
  return event => {
    const found = classifyEvent(event.type)
    if (found?.class === "request") open.set(event.eventId, event)
    if (found?.class !== "result") return null
    const { operationId, outcome } = resultPayloadSchema.parse(event.payload)
    const request = open.get(operationId)
    open.delete(operationId)
    if (verdictOf(outcome) !== "confirmed") return null
    if (!request) return { kind: "gap", operationId }
    return told(request, found.kind, outcome === "Expired")
  }
}

function told(request: EventRecord, kind: OperationKind, ended: boolean): Told {
  const { subject, position: version } = request
  if (kind === "expire-ip-block") {
    const { blockVersion } = expireIpBlock.payload.parse(request.payload)
    return { kind: "ended", subject, version: BigInt(blockVersion) }
  }
  const { type, word } = operationDefinition(kind)
  return { kind: "state", state: { subject, type, kind, version, word: word(request), ended } }
}

/** Where a subject stands, beside what the log says. */
export type Standing =
  | { readonly kind: "right" }
  /** Something newer is there: another branch's operation, or one of ours that came after. */
  | { readonly kind: "newer" }
  /** This record, with what the contract makes of it, is still missing. */
  | { readonly kind: "missing"; readonly operation: OperationKind; readonly word: bigint }
  /** So is this one, and an older manual block that it cannot replace is there: an unblock has to come before it. */
  | { readonly kind: "kept"; readonly operation: OperationKind; readonly word: bigint }
  /** The same version with something else in it. */
  | { readonly kind: "different" }

/**
 * One record a subject is enough: the contract compares with the stored version only, and makes of a block that is over
 * the very tombstone that its expiry would leave. Only where the chain's clock is behind the log's does the expiry have
 * to follow, and only where another branch has brought a manual block does an unblock have to come before.
 */
export function standingOf(state: SubjectState, stored: bigint): Standing {
  const { version, flags } = decodeWord(stored)
  if (version > state.version) return { kind: "newer" }
  if (version < state.version) {
    const isKept = (flags & FLAG.manual) !== 0 && decodeWord(state.word).expirySeconds > 0
    return { kind: isKept ? "kept" : "missing", operation: state.kind, word: state.word }
  }
  if (stored === state.word) {
    return state.ended
      ? { kind: "missing", operation: "expire-ip-block", word: expiryOf(state.word) }
      : { kind: "right" }
  }
  return stored === tombstone(state.word) && mayBeOver(state) ? { kind: "right" } : { kind: "different" }
}

/** How a subject's word on the new contracts compares with its word on the old ones. */
export type Comparison =
  | "equal"
  /** A block that is over by the chain's clock, and whose expiry the old contract had not been given yet. */
  | "over"
  /** The old contract has a newer version, which another branch wrote and will bring itself. */
  | "others"
  | "different"

export function compareWords(state: SubjectState, old: bigint, fresh: bigint): Comparison {
  if (old === fresh) return "equal"
  if (old === state.word && fresh === tombstone(old) && mayBeOver(state)) return "over"
  const newest = decodeWord(old).version > decodeWord(fresh).version ? old : fresh
  return decodeWord(newest).version > state.version ? "others" : "different"
}

function mayBeOver({ word, ended }: SubjectState): boolean {
  return ended || decodeWord(word).expirySeconds > 0
}

function tombstone(word: bigint): bigint {
  return word & ~BigInt(FLAG.active)
}

function expiryOf(word: bigint): bigint {
  return encodeWord({ ...decodeWord(word), flags: FLAG.expire })
}
