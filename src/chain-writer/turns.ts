import type { OperationType } from "../domain/operation.ts"
import type { ReadyType } from "./ports.ts"

/** Backfill's part when live work comes without a pause: one place in so many of a batch, and one batch in so many. */
const ONE_IN = 8

/**
 * Whose turn it is: types in turns, so that a flood of one does not hold up the others, and live work before backfill.
 * Backfill alone begins batches in half of the places in flight, or live work would wait for a block to come free.
 * Every eighth batch is backfill's own turn: a type that has some goes before those that have none.
 */
export interface Turns {
  /** Types that may begin a batch now, with so many transactions in flight; the one to try first is first. */
  order(ready: readonly ReadyType[], inFlight: number): readonly OperationType[]
  /** Of a batch of at most `limit`. */
  backfillShare(limit: number): number
  /** A batch of this type was begun. */
  began(type: OperationType): void
}

export function createTurns(options: {
  readonly types: readonly OperationType[]
  readonly maxInFlight: number
}): Turns {
  const { types } = options
  const placesForBackfill = Math.max(1, Math.floor(options.maxInFlight / 2))
  let last = 0
  let batches = 0

  const isBackfillsTurn = () => batches % ONE_IN === ONE_IN - 1

  function inTurn(ready: readonly ReadyType[]): readonly OperationType[] {
    const rotated = [...types.slice(last + 1), ...types.slice(0, last + 1)]
    return rotated.filter(type => ready.some(each => each.type === type))
  }

  return {
    order(ready, inFlight) {
      const live = inTurn(ready.filter(each => each.live))
      if (isBackfillsTurn()) return [...new Set([...inTurn(ready.filter(each => each.backfill)), ...live])]
      return inFlight < placesForBackfill ? [...live, ...inTurn(ready.filter(each => !each.live))] : live
    },
    backfillShare: limit => Math.max(isBackfillsTurn() ? 1 : 0, Math.floor(limit / ONE_IN)),
    began(type) {
      last = types.indexOf(type)
      batches += 1
    },
  }
}
