import type { RebuildPlan, RebuildRecord } from "../../../chain-writer/deployment-ports.ts"
import type { OperationType } from "../../../domain/operation.ts"
import type { OperationKind } from "../../../domain/operations/index.ts"
import type { Position } from "../../../domain/position.ts"
import { type Subject, subjectBytes, subjectFromBytes } from "../../../domain/subject.ts"
import type { SubjectState } from "../../../domain/subject-state.ts"
import type { Sql, TransactionSql } from "../client.ts"
import { wordBytes, wordFromBytes } from "./hex.ts"

export function createRebuildPlan(sql: Sql): RebuildPlan {
  return {
    stage: (id, { states, ended }) =>
      sql.begin(async tx => {
        if (states.length > 0) await upsertStates(tx, id, newest(states))
        if (ended.length > 0) await markEnded(tx, id, ended)
      }),

    async finish(id) {
      await sql`update reconciler.chain_deployments set planned_at = clock_timestamp() where id = ${id}`
    },

    page: (id, after, limit) => readPage(sql, id, after, limit),
    ask: (id, round, records) => insertRecords(sql, id, round, records),

    async finishRound(id, round) {
      await sql`update reconciler.chain_deployments set rounds = ${round + 1} where id = ${id} and rounds = ${round}`
    },

    /** By index chain_operations_unfinished_of_rebuild. */
    async unfinished(id) {
      const [row] = await sql<{ count: bigint }[]>`
        select count(*) as count from reconciler.chain_operations
        where rebuild = ${id} and rebuild is not null and state <> 'final'`
      return Number(row?.count ?? 0n)
    },
  }
}

/** One statement cannot write a row twice. */
function newest(states: readonly SubjectState[]): readonly SubjectState[] {
  const kept = new Map<Subject, SubjectState>()
  for (const state of states) {
    if (state.version > (kept.get(state.subject)?.version ?? -1n)) kept.set(state.subject, state)
  }
  return [...kept.values()]
}

async function upsertStates(tx: TransactionSql, id: bigint, states: readonly SubjectState[]): Promise<void> {
  const rows = states.map(({ subject, type, kind, version, word, ended }) => ({
    subject: subject.slice(2),
    type,
    kind,
    version: version.toString(),
    word: wordBytes(word).toString("hex"),
    ended,
  }))
  await tx`
    insert into reconciler.chain_rebuild_subjects as known (deployment_id, subject, type, kind, version, word, ended)
    select ${id}, decode(subject, 'hex'), type, kind, version, decode(word, 'hex'), ended
    from jsonb_to_recordset(${tx.json(rows)}) as given
      (subject text, type text, kind text, version bigint, word text, ended boolean)
    on conflict (deployment_id, subject) do update
    set kind = excluded.kind, version = excluded.version, word = excluded.word, ended = excluded.ended
    where excluded.version > known.version`
}

async function markEnded(
  tx: TransactionSql,
  id: bigint,
  ended: readonly { readonly subject: Subject; readonly version: Position }[],
): Promise<void> {
  const rows = ended.map(({ subject, version }) => ({
    subject: subject.slice(2),
    version: version.toString(),
  }))
  await tx`
    update reconciler.chain_rebuild_subjects s set ended = true
    from jsonb_to_recordset(${tx.json(rows)}) as given (subject text, version bigint)
    where s.deployment_id = ${id} and s.subject = decode(given.subject, 'hex') and s.version = given.version`
}

interface StateRow {
  readonly subject: Buffer
  readonly type: OperationType
  readonly kind: OperationKind
  readonly version: bigint
  readonly word: Buffer
  readonly ended: boolean
}

/** By the primary key. */
async function readPage(
  sql: Sql,
  id: bigint,
  after: Subject | null,
  limit: number,
): Promise<readonly SubjectState[]> {
  const rows = await sql<StateRow[]>`
    select subject, type, kind, version, word, ended from reconciler.chain_rebuild_subjects
    where deployment_id = ${id} and subject > ${after === null ? Buffer.alloc(0) : subjectBytes(after)}
    order by subject limit ${limit}`
  return rows.map(row => ({
    ...row,
    subject: subjectFromBytes(row.subject),
    word: wordFromBytes(row.word),
  }))
}

/** Their ids (UUIDs of version 8) follow from what they are, so that a round that was interrupted asks for nothing twice. */
async function insertRecords(
  sql: Sql,
  id: bigint,
  round: number,
  records: readonly RebuildRecord[],
): Promise<void> {
  const rows = records.map(({ subject, type, kind, version, word }) => ({
    subject: subject.slice(2),
    type,
    kind,
    version: version.toString(),
    word: wordBytes(word).toString("hex"),
  }))
  await sql`
    insert into reconciler.chain_operations (event_id, position, type, kind, subject, word, rebuild)
    select overlay(overlay(id placing '8' from 13) placing 'a' from 17)::uuid, version, type, kind,
      decode(subject, 'hex'), decode(word, 'hex'), ${id}
    from jsonb_to_recordset(${sql.json(rows)}) as given (subject text, type text, kind text, version bigint, word text),
      md5(concat_ws(':', 'rebuild', ${id}::bigint, ${round}::integer, subject)) as id
    on conflict (event_id) do nothing`
}
