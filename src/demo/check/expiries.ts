import { IP_BLOCK_EXPIRED } from "../../domain/event.ts"
import { operations } from "../../domain/operations/index.ts"
import type { Position } from "../../domain/position.ts"
import type { Subject } from "../../domain/subject.ts"
import { decodeWord, FLAG } from "../../domain/word.ts"
import type { LoggedEvent, Observations } from "../observe/observations.ts"
import type { RunRecord } from "../record.ts"
import { type ExpectedSubject, isAutomaticBlock } from "./expected.ts"
import type { Mismatch } from "./mismatch.ts"

export interface ExpiryCheck {
  readonly mismatches: readonly Mismatch[]
  /** Blocks of ours that an `ip-block.expired` ended, renewed ones that ran out before their renewal included. */
  readonly blocksExpired: number
  /** Subjects whose last block is over and whose slot says so. */
  readonly blocksRemovedOnChain: number
  /** Subjects whose row's last block is over and whose row is gone, also where the block was superseded on the chain. */
  readonly blocksRemovedInDatabase: number
}

/** No block ends early, none twice, none of another's, and each whose time is over ends. */
export function checkExpiries(
  record: RunRecord,
  expected: ReadonlyMap<Subject, ExpectedSubject>,
  observed: Observations,
): ExpiryCheck {
  const blocks = new Map(record.operations.filter(isAutomaticBlock).map(block => [block.position, block]))
  const ended = new Set<Position>()
  const mismatches: Mismatch[] = []
  for (const event of observed.log.filter(({ type }) => type === IP_BLOCK_EXPIRED)) {
    const version = blockVersion(event)
    const block = version === null ? undefined : blocks.get(version)
    const what = event.eventId
    if (version === null || block?.subject !== event.subject)
      mismatches.push({ kind: "expiry-unexpected", what })
    else if (ended.has(version)) mismatches.push({ kind: "expired-twice", what: block.eventId })
    else {
      ended.add(version)
      // Both times are the database clock's.
      if (event.occurredAtMs < Number(block.payload.expiresAt) * 1000)
        mismatches.push({ kind: "expired-early", what: block.eventId })
    }
  }
  const due = [...expected.values()].filter(({ expires }) => expires)
  for (const { decidedBy } of due) {
    if (decidedBy.who === "us" && !ended.has(decidedBy.operation.position))
      mismatches.push({ kind: "block-not-expired", what: decidedBy.operation.eventId })
  }
  return {
    mismatches,
    blocksExpired: ended.size,
    blocksRemovedOnChain: due.filter(({ subject }) => isOver(observed.words.get(subject))).length,
    blocksRemovedInDatabase: [...expected.values()]
      .filter(({ row }) => !row.present && row.over)
      .filter(({ subject }) => !observed.rows.has(subject)).length,
  }
}

function blockVersion(event: LoggedEvent): Position | null {
  const payload = operations["expire-ip-block"].payload.safeParse(event.payload)
  return payload.success ? BigInt(payload.data.blockVersion) : null
}

function isOver(word: bigint | undefined): boolean {
  return word !== undefined && word !== 0n && (decodeWord(word).flags & FLAG.active) === 0
}
