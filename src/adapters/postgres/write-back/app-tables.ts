import { readMissingTables } from "../../../integrations/caregrid/missing-tables.ts"
import type { AppTables } from "../../../write-back/ports.ts"
import { workOf } from "../../../write-back/work.ts"
import type { Sql } from "../client.ts"
import { readOffset, storeOffset } from "../consumer-offsets.ts"
import { insertDeadLetter, insertMalformed } from "../dead-letters/insert.ts"
import { insertWork, readBlockVersions } from "./insert-work.ts"
import { settleWork } from "./settle-work.ts"

const SOURCE = "write-back"

/** `appSchema` is where the app's tables are; for Django as a rule `public`. */
export function createAppTables(sql: Sql, options: { readonly appSchema: string }): AppTables {
  const { appSchema } = options
  return {
    missingTables: () => readMissingTables(sql, appSchema),
    storedOffset: (consumerGroup, topic, partition) => readOffset(sql, consumerGroup, topic, partition),

    async apply(batch) {
      const works = batch.events.flatMap(event => workOf(event) ?? [])
      await sql.begin(async tx => {
        const expiries = works.filter(work => work.action === "remove")
        const versions = await readBlockVersions(
          tx,
          expiries.map(work => work.operationPosition),
        )
        const lost = expiries.filter(work => !versions.has(work.operationPosition))
        await insertWork(
          tx,
          works.filter(work => !lost.includes(work)),
          versions,
        )
        for (const { operationId, operationPosition, subject } of lost) {
          const ids = { eventId: operationId, position: operationPosition, subject }
          await insertDeadLetter(tx, { source: SOURCE, reason: "expiry-not-in-log", ...ids })
        }
        await insertMalformed(tx, SOURCE, batch.malformed)
        await storeOffset(tx, batch.consumerGroup, batch.topic, batch.partition, batch.nextOffset)
      })
    },

    settle: limit => sql.begin(tx => settleWork(tx, appSchema, limit)),
  }
}
