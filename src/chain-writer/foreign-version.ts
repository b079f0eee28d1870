import type { Outcome } from "../domain/outcome.ts"
import type { Position } from "../domain/position.ts"
import { decodeWord } from "../domain/word.ts"
import type { ClaimedOperation, Registry } from "./ports.ts"

/**
 * Receive rule: the highest version on the chain that superseded one of these operations. The log's clock has to go
 * above it, or a branch whose clock is behind would lose every later write too. Null if nothing was superseded.
 */
export async function highestForeignVersion(
  operations: readonly ClaimedOperation[],
  outcomes: readonly Outcome[],
  registry: Registry | undefined,
): Promise<Position | null> {
  const superseded = operations.filter((_, index) => outcomes[index] === "Superseded")
  if (superseded.length === 0 || !registry) return null
  const words = await registry.words(superseded.map(({ subject }) => subject))
  const versions = words.map(word => decodeWord(word).version)
  return versions.reduce((high, version) => (version > high ? version : high), 0n)
}
