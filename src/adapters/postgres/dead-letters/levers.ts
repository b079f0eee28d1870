import { toOperation } from "../../../chain-writer/intake.ts"
import type { DeadLetterLevers, DiscardResult, RequeueResult } from "../../../dead-letters/levers.ts"
import type { DeadLetter } from "../../../dead-letters/ports.ts"
import { rejectionOf } from "../../../dead-letters/reject.ts"
import { planRequeue } from "../../../dead-letters/requeue.ts"
import type { EventRecord } from "../../../domain/event.ts"
import { foldFacts } from "../../../domain/lifecycle.ts"
import { subjectBytes } from "../../../domain/subject.ts"
import { acceptOperations } from "../chain-writer/operation-queue.ts"
import { rejectOperation } from "../chain-writer/reject.ts"
import type { Sql, TransactionSql } from "../client.ts"
import { upsertOperationViews } from "../projector/upsert-operation-views.ts"
import { readEventsAt } from "../relay/statements.ts"
import { rememberWork } from "../write-back/app-tables.ts"
import { letterColumns } from "./dead-letters.ts"
import { lockLetters } from "./unsettled.ts"

type Handle = (tx: TransactionSql, events: readonly EventRecord[]) => Promise<unknown>

/** What a consumer does with events, without the offset: they come from the log and not from a partition. */
const HANDLE: Readonly<Record<string, Handle>> = {
  "chain-writer": (tx, events) =>
    acceptOperations(
      tx,
      events.flatMap(event => toOperation(event) ?? []),
    ),
  projector: (tx, events) => upsertOperationViews(tx, foldFacts(events)),
  "write-back": rememberWork,
}

export function createDeadLetterLevers(sql: Sql): DeadLetterLevers {
  return {
    requeue: id =>
      sql.begin(async tx => {
        const letter = await lockLetter(tx, id)
        if (!letter) return [{ id, outcome: "unknown" } as const]
        if (isSettled(letter)) return [{ id, outcome: "settled" } as const]
        return requeueWithSubject(tx, letter)
      }),

    discard: (id, why) =>
      sql.begin(async (tx): Promise<DiscardResult> => {
        const letter = await lockLetter(tx, id)
        if (!letter) return { outcome: "unknown" }
        if (letter.state === "requeued") return { outcome: "requeued" }
        if (isSettled(letter)) return { outcome: "settled" }
        await markDiscarded(tx, id, why)
        await tellRejected(tx, letter)
        const [next] = letter.blocksSubject ? await readSubject(tx, letter) : []
        const released = next?.reason === "subject-blocked" ? await requeueWithSubject(tx, next) : []
        return { outcome: "discarded", released }
      }),
  }
}

/** Only of what is in the log, under that id: a message that claims a place in it is nobody's operation. */
async function tellRejected(tx: TransactionSql, letter: DeadLetter): Promise<void> {
  const [event] = letter.position === null ? [] : await readEventsAt(tx, [letter.position])
  const rejection = event?.eventId === letter.eventId && event ? rejectionOf(letter, event) : null
  if (rejection) await rejectOperation(tx, rejection)
}

async function requeueWithSubject(tx: TransactionSql, letter: DeadLetter): Promise<readonly RequeueResult[]> {
  const letters = letter.blocksSubject ? await readSubject(tx, letter) : [letter]
  const events = await readEventsAt(
    tx,
    letters.flatMap(({ position }) => position ?? []),
  )
  const { handle, results } = planRequeue(letters, events)
  if (handle.length > 0) await HANDLE[letter.source]?.(tx, handle)
  await markRequeued(tx, results)
  await markResolved(tx, results)
  for (const result of results) if (result.outcome === "failed-again") await markFailed(tx, result)
  return results
}

function isSettled({ state }: DeadLetter): boolean {
  return state === "resolved" || state === "discarded"
}

/** The lock on its source comes first: then nothing of it can be set aside behind it until this is over. */
async function lockLetter(tx: TransactionSql, id: bigint): Promise<DeadLetter | null> {
  const [found] = await tx<{ source: string }[]>`
    select source from reconciler.dead_letters where id = ${id}`
  if (!found) return null
  await lockLetters(tx, found.source)
  const [letter] = await tx<DeadLetter[]>`
    select ${letterColumns(tx)} from reconciler.dead_letters where id = ${id} for update`
  return letter ?? null
}

/** All that its source has not settled of its subject, by position. */
async function readSubject(tx: TransactionSql, letter: DeadLetter): Promise<readonly DeadLetter[]> {
  const { source, subject } = letter
  if (subject === null) return []
  return tx<DeadLetter[]>`
    select ${letterColumns(tx)} from reconciler.dead_letters
    where source = ${source} and subject = ${subjectBytes(subject)} and state in ('open', 'requeued')
      and blocks_subject
    order by position, id`
}

async function markRequeued(tx: TransactionSql, results: readonly RequeueResult[]): Promise<void> {
  await tx`
    update reconciler.dead_letters set state = 'requeued', changed_at = now()
    where id = any(${idsOf(results, "handed-to-relay")}::bigint[]) and state = 'open'`
}

async function markResolved(tx: TransactionSql, results: readonly RequeueResult[]): Promise<void> {
  await tx`
    update reconciler.dead_letters set state = 'resolved', changed_at = now()
    where id = any(${idsOf(results, "resolved")}::bigint[])`
}

async function markFailed(
  tx: TransactionSql,
  { id, reason, fields }: Extract<RequeueResult, { outcome: "failed-again" }>,
): Promise<void> {
  await tx`
    update reconciler.dead_letters
    set attempts = attempts + 1, reason = ${reason}, fields = ${[...fields]}::text[], changed_at = now()
    where id = ${id}`
}

async function markDiscarded(
  tx: TransactionSql,
  id: bigint,
  { reason, by }: { readonly reason: string; readonly by: string },
): Promise<void> {
  await tx`
    update reconciler.dead_letters
    set state = 'discarded', discard_reason = ${reason}, discarded_by = ${by}, changed_at = now()
    where id = ${id}`
}

function idsOf(results: readonly RequeueResult[], outcome: RequeueResult["outcome"]): readonly string[] {
  return results.filter(result => result.outcome === outcome).map(({ id }) => id.toString())
}
