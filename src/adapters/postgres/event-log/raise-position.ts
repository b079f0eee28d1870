import type { Position } from "../../../domain/position.ts"
import type { AnySql } from "../client.ts"

/**
 * Receive rule of the hybrid clock (Kulkarni et al., "Logical Physical Clocks", 2014): lifts this log above a version
 * of another branch that was seen on the chain. False, and nothing changed, when that version is over 5 minutes ahead
 * of the database's clock. Not undone by a rollback.
 */
export async function raisePosition(sql: AnySql, foreign: Position): Promise<boolean> {
  const [row] = await sql<{ raised: boolean }[]>`select reconciler.raise_position(${foreign}) as raised`
  return row?.raised ?? false
}
