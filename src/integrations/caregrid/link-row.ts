import type { Position } from "../../domain/position.ts"
import { type Subject, subjectBytes } from "../../domain/subject.ts"
import type { AnySql } from "./sql.ts"
import type { CareGridTable } from "./tables.ts"

/**
 * Tells which row a subject stands for, and which operation the row now tells of. Call it in the transaction that
 * wrote the row and appended the operation, after both, for what a row's flags show: `register-patient`, `block-ip`,
 * `add-attack-signature`. The row's lock then keeps write-back away until all three are committed. By row id only.
 */
export async function linkRow(
  tx: AnySql,
  link: {
    readonly subject: Subject
    readonly table: CareGridTable
    readonly rowId: bigint
    readonly position: Position
  },
): Promise<void> {
  await tx`select reconciler.link_row(
    ${subjectBytes(link.subject)}, ${link.table}, ${link.rowId}, ${link.position})`
}
