import { requestTypes } from "../../../outbox/request-types.ts"
import type { TransactionSql } from "../client.ts"

/** Gives the SQL `append` the same rules as the TypeScript one. Types of other versions stay: theirs may still run. */
export async function storeRequestTypes(tx: TransactionSql): Promise<void> {
  for (const { type, payloadSchema } of requestTypes()) {
    await tx`
      insert into reconciler.request_types (type, payload_schema)
      values (${type}, ${JSON.stringify(payloadSchema)}::text::jsonb)
      on conflict (type) do update set payload_schema = excluded.payload_schema`
  }
}
