import { foldFacts } from "../../../domain/lifecycle.ts"
import type { ReadModel } from "../../../projector/ports.ts"
import type { Sql } from "../client.ts"
import { moveOffset, readOffset } from "../consumer-offsets.ts"
import { insertMalformed } from "../dead-letters/insert.ts"
import { hasUnsettled, resolveHandled } from "../dead-letters/unsettled.ts"
import { appendExpiries } from "./append-expiries.ts"
import { lockDueTimers, readNextDueInMs, voidReplacedTimers } from "./due-timers.ts"
import { upsertOperationViews } from "./upsert-operation-views.ts"

const SOURCE = "projector"

export function createReadModel(sql: Sql): ReadModel {
  return {
    storedOffset: (consumerGroup, topic, partition) => readOffset(sql, consumerGroup, topic, partition),

    apply: batch =>
      sql.begin(async tx => {
        if (!(await moveOffset(tx, batch))) return { outcome: "moved" } as const
        await upsertOperationViews(tx, foldFacts(batch.events))
        if (await hasUnsettled(tx, SOURCE)) await resolveHandled(tx, SOURCE, batch.events)
        await insertMalformed(tx, SOURCE, batch.malformed)
        return { outcome: "stored" } as const
      }),

    async expireDue(limit) {
      const expired = await sql.begin(async tx => {
        await voidReplacedTimers(tx, limit)
        const due = await lockDueTimers(tx, limit)
        await appendExpiries(tx, due)
        return due.length
      })
      return { expired, nextDueInMs: await readNextDueInMs(sql) }
    },
  }
}
