import type { OperationType } from "../domain/operation.ts"

/** How many records a batch of a type may have: fewer after one that no block takes, more again with each that is taken. */
export interface BatchSizes {
  limit(type: OperationType, most: number): number
  /** A batch of so many ran out of gas. */
  tooLarge(type: OperationType, records: number): void
  taken(type: OperationType): void
}

export function createBatchSizes(): BatchSizes {
  const limits = new Map<OperationType, number>()
  return {
    limit: (type, most) => Math.min(most, limits.get(type) ?? most),
    tooLarge: (type, records) => void limits.set(type, half(records)),
    taken(type) {
      const limit = limits.get(type)
      // Far above what fits a transaction, the limit says nothing any more.
      if (limit !== undefined && limit > 1_000) limits.delete(type)
      else if (limit !== undefined) limits.set(type, limit * 2)
    },
  }
}

export function half(records: number): number {
  return Math.max(1, Math.floor(records / 2))
}
