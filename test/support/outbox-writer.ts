import type { Sql } from "../../src/adapters/postgres/client.ts"
import type { Position } from "../../src/domain/position.ts"
import { type Subject, subjectBytes } from "../../src/domain/subject.ts"
import { anySubject } from "./event-builders.ts"

export interface OutboxWriter {
  append(subject?: Subject): Promise<Position>
  commit(): Promise<void>
  rollback(): Promise<void>
  prepare(name: string): Promise<void>
}

/** A transaction on a connection of its own that appends unblock requests. */
export async function beginWriter(
  sql: Sql,
  options: { readonly synchronousCommit?: "on" | "off" } = {},
): Promise<OutboxWriter> {
  const connection = await sql.reserve()
  await connection`begin`
  await connection`select set_config('synchronous_commit', ${options.synchronousCommit ?? "on"}, true)`
  const end = async (command: string) => {
    await connection.unsafe(command)
    connection.release()
  }
  return {
    async append(subject = anySubject()) {
      const [row] = await connection<[{ seq: bigint }]>`
        select seq from reconciler.append('unblock-ip.requested', ${subjectBytes(subject)}, '{}'::jsonb)`
      return row.seq
    },
    commit: () => end("commit"),
    rollback: () => end("rollback"),
    prepare: name => end(`prepare transaction '${name}'`),
  }
}
