import type { Place } from "../../../bus/known-headers.ts"
import { NOT_REQUEUEABLE } from "../../../dead-letters/requeue.ts"
import type { Subject } from "../../../domain/subject.ts"
import type { AnySql } from "../client.ts"

/** "rcdl": a requeue of a source's letters, and a batch that looks at them, come one after the other. */
const LETTERS_LOCK = 0x7263646c

/** Asked with every batch; by index dead_letters_unsettled, which as a rule is empty. */
export async function hasUnsettled(tx: AnySql, source: string): Promise<boolean> {
  const [row] = await tx<[{ found: boolean }]>`
    select exists (
      select from reconciler.dead_letters
      where source = ${source} and state in ('open', 'requeued')) as found`
  return row.found
}

/** A person's requeue waits until the transaction ends: what it lets go must not pass what is set aside meanwhile. */
export async function readPlaces(
  tx: AnySql,
  source: string,
  subjects: ReadonlySet<Subject>,
): Promise<readonly Place[]> {
  await tx`select pg_advisory_xact_lock_shared(${LETTERS_LOCK}, hashtext(${source}))`
  const hex = [...subjects].map(subject => subject.slice(2))
  return tx<Place[]>`
    select event_id as "eventId", position, '0x' || encode(subject, 'hex') as subject
    from reconciler.dead_letters
    where source = ${source} and state in ('open', 'requeued') and blocks_subject
      and subject in (
        select decode(given.hex, 'hex')
        from jsonb_array_elements_text(${JSON.stringify(hex)}::text::jsonb) as given (hex))`
}

/** Batches that look at letters of this source wait until the transaction ends. */
export async function lockLetters(tx: AnySql, source: string): Promise<void> {
  await tx`select pg_advisory_xact_lock(${LETTERS_LOCK}, hashtext(${source}))`
}

/** They came again, for the log was sent again, and could be read this time. */
export async function resolveHandled(
  tx: AnySql,
  source: string,
  events: readonly { readonly eventId: string }[],
): Promise<void> {
  const ids = events.map(({ eventId }) => eventId)
  await tx`
    update reconciler.dead_letters set state = 'resolved', changed_at = now()
    where source = ${source} and state in ('open', 'requeued') and reason <> all (${[...NOT_REQUEUEABLE]}::text[])
      and event_id in (select given.id::uuid from jsonb_array_elements_text(${JSON.stringify(ids)}::text::jsonb) as given (id))`
}
