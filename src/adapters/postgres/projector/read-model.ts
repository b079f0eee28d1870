import { foldFacts } from "../../../domain/lifecycle.ts"
import type { ReadModel } from "../../../projector/ports.ts"
import type { Sql } from "../client.ts"
import { readOffset, storeOffset } from "../consumer-offsets.ts"
import { insertMalformed } from "../dead-letters/insert.ts"
import { appendExpiries } from "./append-expiries.ts"
import { lockDueTimers, readNextDueInMs, voidReplacedTimers } from "./due-timers.ts"
import { upsertOperationViews } from "./upsert-operation-views.ts"

const SOURCE = "projector"

export function createReadModel(sql: Sql): ReadModel {
  return {
    storedOffset: (consumerGroup, topic, partition) => readOffset(sql, consumerGroup, topic, partition),

    async apply(batch) {
      await sql.begin(async tx => {
        await upsertOperationViews(tx, foldFacts(batch.events))
        await insertMalformed(tx, SOURCE, batch.malformed)
        await storeOffset(tx, batch.consumerGroup, batch.topic, batch.partition, batch.nextOffset)
      })
    },

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
