/**
 * An event's place in the log and its operation's version on the chain: a hybrid clock in 63 bits,
 * `milliseconds since 2024-01-01 << 22 | counter << 10 | writer id`. Rises in commit order for one subject,
 * and is ordered by time over all branches. Made by the database only (see the migration), read here.
 */
export type Position = bigint

/** 2024-01-01T00:00:00Z in unix milliseconds. The contracts hold the same number in seconds. */
export const POSITION_EPOCH_MS = 1_704_067_200_000

const TIME_SHIFT = 22n
export const WRITER_ID_BITS = 10
export const MAX_WRITER_ID = 2 ** WRITER_ID_BITS - 1

const MAX_POSITION = 2n ** 63n - 1n

/** Whether a text names a position: a positive number that the database's bigint holds. */
export function isPosition(text: string): boolean {
  return /^[0-9]{1,19}$/.test(text) && BigInt(text) > 0n && BigInt(text) <= MAX_POSITION
}

/** Unix milliseconds. */
export function positionTimeMs(position: Position): number {
  return Number(position >> TIME_SHIFT) + POSITION_EPOCH_MS
}

export function positionWriterId(position: Position): number {
  return Number(position & BigInt(MAX_WRITER_ID))
}

/** The lowest position that any event of this moment can have: where "replay from 09:00" begins. */
export function lowestPositionAt(unixMs: number): Position {
  return BigInt(Math.max(0, Math.trunc(unixMs) - POSITION_EPOCH_MS)) << TIME_SHIFT
}
