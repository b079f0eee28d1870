import type { OperationType } from "../../domain/operation.ts"
import { operationDefinition } from "../../domain/operations/index.ts"
import type { Subject } from "../../domain/subject.ts"
import { decodeWord, FLAG } from "../../domain/word.ts"
import type { RecordedOperation, RunRecord } from "../record.ts"

/** What must be left of one subject when the day is over. */
export interface ExpectedSubject {
  readonly subject: Subject
  readonly registry: OperationType
  /** Who decided the state on the chain; nobody if nothing may be stored. */
  readonly decidedBy:
    | { readonly who: "us"; readonly operation: RecordedOperation }
    | { readonly who: "neighbour"; readonly word: bigint }
    | { readonly who: "nobody" }
  /** True if the state is an automatic block of ours, whose time is over by then. */
  readonly expires: boolean
  readonly row: ExpectedRow
}

export type ExpectedRow =
  /** `over`: write-back took it out at its end; otherwise the app did, or it never was. */
  | { readonly present: false; readonly over: boolean }
  /** `onChain` is the newest operation's confirmation; `operation` made the row what it is. */
  | {
      readonly present: true
      readonly onChain: boolean
      readonly manual: boolean
      readonly operation: RecordedOperation
    }

export function isAutomaticBlock(operation: RecordedOperation): boolean {
  return operation.kind === "block-ip" && operation.payload.manual === false
}

/** Derived from the generator's record alone: of one subject the highest version that takes effect stays. */
export function expectedSubjects(record: RunRecord): ReadonlyMap<Subject, ExpectedSubject> {
  const operations = Map.groupBy(record.operations, operation => operation.subject)
  const neighbours = Map.groupBy(record.neighbourBlocks, block => block.subject)
  return new Map(
    [...record.subjects].map(([subject, registry]) => {
      const ours = (operations.get(subject) ?? []).toSorted((a, b) => (a.position < b.position ? -1 : 1))
      const effective = ours.findLast(({ expected }) => expected === "confirmed")
      const neighbour = (neighbours.get(subject) ?? [])
        .map(({ word }) => word)
        .toSorted((a, b) => (a < b ? -1 : 1))
        .at(-1)
      const decidedBy = decide(effective, neighbour)
      const expires = decidedBy.who === "us" && isAutomaticBlock(decidedBy.operation)
      return [subject, { subject, registry, decidedBy, expires, row: expectedRow(ours) }] as const
    }),
  )
}

function decide(
  ours: RecordedOperation | undefined,
  neighbour: bigint | undefined,
): ExpectedSubject["decidedBy"] {
  if (neighbour !== undefined && (!ours || decodeWord(neighbour).version > ours.position)) {
    return { who: "neighbour", word: neighbour }
  }
  return ours ? { who: "us", operation: ours } : { who: "nobody" }
}

function expectedRow(ours: readonly RecordedOperation[]): ExpectedRow {
  const operation = ours.findLast(({ expected }) => expected !== "dead-lettered")
  if (!operation || operation.kind === "unblock-ip") return { present: false, over: false }
  // Also the row of a superseded block, though the chain has another branch's. The rejected one of the day runs on: it
  // is rejected for being too long.
  if (isAutomaticBlock(operation) && operation.expected !== "rejected") return { present: false, over: true }
  return {
    present: true,
    // A patient's flag says "registered", so a confirmed deactivation takes it back.
    onChain: operation.expected === "confirmed" && operation.kind !== "deactivate-patient",
    manual: operation.payload.manual === true,
    operation,
  }
}

/**
 * The word an operation leaves in its slot once the day is over, or null for a broken one. `occurredAtMs` is
 * the log's; nobody else knows it. An automatic block leaves its tombstone: the word without ACTIVE.
 */
export function finalWord(operation: RecordedOperation, occurredAtMs: number): bigint | null {
  const word = requestWord(operation, occurredAtMs)
  return word !== null && isAutomaticBlock(operation) ? word & ~BigInt(FLAG.active) : word
}

/** The word that the pipeline must have sent for it; null for what must never be sent, whose payload makes no word. */
export function requestWord(operation: RecordedOperation, occurredAtMs: number): bigint | null {
  if (operation.kind === null || operation.expected === "dead-lettered") return null
  return operationDefinition(operation.kind).word({ ...operation, occurredAtMs })
}
