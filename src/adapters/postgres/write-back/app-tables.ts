import type { EventRecord } from "../../../domain/event.ts"
import { readMissingTables } from "../../../integrations/caregrid/missing-tables.ts"
import type { AppTables } from "../../../write-back/ports.ts"
import { endedBlock, type Work, workOf } from "../../../write-back/work.ts"
import type { AnySql, Sql } from "../client.ts"
import { moveOffset, readOffset } from "../consumer-offsets.ts"
import { insertDeadLetter, insertMalformed } from "../dead-letters/insert.ts"
import { hasUnsettled, resolveHandled } from "../dead-letters/unsettled.ts"
import { insertWork, type PlannedWork, readRequests } from "./insert-work.ts"
import { settleWork } from "./settle-work.ts"

const SOURCE = "write-back"

/** `appSchema` is where the app's tables are; for Django as a rule `public`. */
export function createAppTables(sql: Sql, options: { readonly appSchema: string }): AppTables {
  const { appSchema } = options
  return {
    missingTables: () => readMissingTables(sql, appSchema),
    storedOffset: (consumerGroup, topic, partition) => readOffset(sql, consumerGroup, topic, partition),

    async apply(batch) {
      return sql.begin(async tx => {
        if (!(await moveOffset(tx, batch))) return { outcome: "moved" } as const
        await rememberWork(tx, batch.events)
        if (await hasUnsettled(tx, SOURCE)) await resolveHandled(tx, SOURCE, batch.events)
        await insertMalformed(tx, SOURCE, batch.malformed)
        return { outcome: "stored" } as const
      })
    },

    settle: limit => sql.begin(tx => settleWork(tx, appSchema, limit)),
  }
}

/** What these events mean for the app's tables; a removal that the log knows nothing of is set aside. */
export async function rememberWork(tx: AnySql, events: readonly EventRecord[]): Promise<void> {
  const { planned, lost } = await planWork(
    tx,
    events.flatMap(event => workOf(event) ?? []),
  )
  await insertWork(tx, planned)
  for (const { operationId, operationPosition, subject } of lost) {
    const ids = { eventId: operationId, position: operationPosition, subject }
    await insertDeadLetter(tx, { source: SOURCE, reason: "request-not-in-log", ...ids })
  }
}

/** `lost`: removals of which the log does not say whose they are. Those of manual blocks are neither planned nor lost. */
async function planWork(
  tx: AnySql,
  works: readonly Work[],
): Promise<{ planned: readonly PlannedWork[]; lost: readonly Work[] }> {
  const removals = works.filter(work => work.action === "remove")
  const requests = await readRequests(
    tx,
    removals.map(work => work.operationPosition),
  )
  const blocks = new Map(requests.map(request => [request.position, endedBlock(request)]))
  const planned = works.flatMap((work): PlannedWork[] => {
    if (work.action === "flag") return [{ ...work, block: null }]
    const block = blocks.get(work.operationPosition)
    return block ? [{ ...work, block }] : []
  })
  return { planned, lost: removals.filter(work => !blocks.has(work.operationPosition)) }
}
