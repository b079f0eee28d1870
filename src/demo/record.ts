import type { OperationType } from "../domain/operation.ts"
import type { OperationKind } from "../domain/operations/index.ts"
import type { Position } from "../domain/position.ts"
import type { Subject } from "../domain/subject.ts"
import type { Thing } from "./plan/story.ts"

/** How an operation must end, known when it is appended. */
export type ExpectedEnd = "confirmed" | "rejected" | "superseded" | "dead-lettered"

export interface RecordedOperation {
  readonly eventId: string
  readonly position: Position
  readonly subject: Subject
  readonly registry: OperationType
  readonly type: string
  /** Null for a broken row of a type that nobody knows. */
  readonly kind: OperationKind | null
  readonly payload: Readonly<Record<string, unknown>>
  readonly expected: ExpectedEnd
}

/** What another branch wrote straight to the chain. */
export interface NeighbourBlock {
  readonly subject: Subject
  readonly word: bigint
}

/** The generator's own record, kept as it goes: what must come out is derived from this and nothing else. */
export interface RunRecord {
  readonly operations: readonly RecordedOperation[]
  /** Appended in a transaction that was then undone: these ids must be nowhere. */
  readonly rolledBack: readonly { readonly eventId: string; readonly subject: Subject }[]
  readonly refused: number
  readonly manualStands: number
  readonly neighbourBlocks: readonly NeighbourBlock[]
  /** Every subject of the day, also those of which nothing may be left. */
  readonly subjects: ReadonlyMap<Subject, OperationType>
  /** Answers of `append` that were not the ones owed, as ids and kinds. */
  readonly wrongAnswers: readonly string[]
}

export interface Recorder {
  subject(subject: Subject, registry: OperationType): void
  appended(operation: RecordedOperation): void
  rolledBack(eventId: string, subject: Subject): void
  refused(): void
  manualBlockStood(): void
  neighbourBlocked(block: NeighbourBlock): void
  wrongAnswer(what: string): void
  record(): RunRecord
}

export function createRecorder(): Recorder {
  const operations: RecordedOperation[] = []
  const rolledBack: { eventId: string; subject: Subject }[] = []
  const neighbourBlocks: NeighbourBlock[] = []
  const subjects = new Map<Subject, OperationType>()
  const wrongAnswers: string[] = []
  let refused = 0
  let manualStands = 0
  return {
    subject: (subject, registry) => void subjects.set(subject, registry),
    appended: operation => void operations.push(operation),
    rolledBack: (eventId, subject) => void rolledBack.push({ eventId, subject }),
    refused: () => {
      refused += 1
    },
    manualBlockStood: () => {
      manualStands += 1
    },
    neighbourBlocked: block => void neighbourBlocks.push(block),
    wrongAnswer: what => void wrongAnswers.push(what),
    record: () => ({
      operations,
      rolledBack,
      refused,
      manualStands,
      neighbourBlocks,
      subjects,
      wrongAnswers,
    }),
  }
}

export function registryOf(thing: Thing): OperationType {
  switch (thing) {
    case "patient":
      return "patient"
    case "ip-address":
      return "ip-block"
    case "attack-pattern":
      return "attack-signature"
  }
}
