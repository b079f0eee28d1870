import type { BusFinding, BusFindings } from "../../../bus/findings.ts"
import type { AnySql, Sql } from "../client.ts"

export function createBusFindings(sql: Sql): BusFindings {
  return {
    open: (finding, about, forMs = 0) => insertFinding(sql, finding, about, forMs),
    async close(finding, about) {
      await sql`delete from reconciler.bus_findings where finding = ${finding} and about = ${about}`
    },
    list: () => sql<{ finding: BusFinding; about: string; sinceMs: number }[]>`
      select finding, about, trunc(extract(epoch from since) * 1000)::float8 as "sinceMs"
      from reconciler.bus_findings order by since, finding, about`,
  }
}

/**
 * For topics that are about to be made anew. The offsets stored of the old ones mean nothing in the new ones: once those
 * are longer, a group would continue in their middle. Gives the topics of which there were any.
 */
export function forgetTopics(sql: Sql, topics: readonly string[]): Promise<readonly string[]> {
  return sql.begin(async tx => {
    const forgotten = await deleteOffsets(tx, topics)
    for (const topic of forgotten) await insertFinding(tx, "topic-recreated", topic, 0)
    return forgotten
  })
}

async function insertFinding(tx: AnySql, finding: BusFinding, about: string, forMs: number): Promise<void> {
  await tx`
    insert into reconciler.bus_findings (finding, about, since)
    values (${finding}, ${about}, clock_timestamp() - ${forMs} * interval '1 ms')
    on conflict do nothing`
}

async function deleteOffsets(tx: AnySql, topics: readonly string[]): Promise<readonly string[]> {
  const rows = await tx<{ topic: string }[]>`
    delete from reconciler.consumer_offsets
    where topic in (select jsonb_array_elements_text(${JSON.stringify(topics)}::text::jsonb)) returning topic`
  return [...new Set(rows.map(({ topic }) => topic))]
}
