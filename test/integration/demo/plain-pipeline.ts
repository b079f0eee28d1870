import { Contract, Wallet } from "ethers"
import type { ChainConnection } from "../../../src/adapters/ethereum/provider.ts"
import { type RegistryAddresses, registryInterface } from "../../../src/adapters/ethereum/registries.ts"
import type { Sql } from "../../../src/adapters/postgres/client.ts"
import { insertDeadLetter } from "../../../src/adapters/postgres/dead-letters/insert.ts"
import { createReadModel } from "../../../src/adapters/postgres/projector/read-model.ts"
import { createAppTables } from "../../../src/adapters/postgres/write-back/app-tables.ts"
import { classifyEvent, type EventRecord, payloadSchema, resultEventType } from "../../../src/domain/event.ts"
import type { OperationType } from "../../../src/domain/operation.ts"
import { operationDefinition, operationKindOf } from "../../../src/domain/operations/index.ts"
import { outcomeFromCode, verdictOf } from "../../../src/domain/outcome.ts"
import { subjectBytes, subjectFromBytes } from "../../../src/domain/subject.ts"

export interface PlainPipelineOptions {
  readonly sql: Sql
  readonly chain: ChainConnection
  readonly contracts: RegistryAddresses
  readonly privateKey: string
  /** Where a test spoils the work; called once a batch before it is sent. */
  readonly tamper?: (records: Record[]) => Record[]
  readonly signal: AbortSignal
}

export interface Record {
  readonly event: EventRecord
  readonly word: bigint
}

/**
 * What the pipeline owes, in its plainest form: no Kafka, one account, one batch at a time, everything read anew each
 * pass. The demo is tried on it, so that its verdict does not depend on the pipeline it judges.
 */
export async function runPlainPipeline(options: PlainPipelineOptions): Promise<void> {
  const { sql, signal } = options
  const readModel = createReadModel(sql)
  const appTables = createAppTables(sql, { appSchema: "public" })
  const told = new Set<string>()
  let offset = 0n
  while (!signal.aborted) {
    await writeOpenRequests(options)
    const news = (await readEvents(sql)).filter(({ eventId }) => !told.has(eventId))
    for (const { eventId } of news) told.add(eventId)
    const events = news.filter(isReadable)
    const storedOffset = offset === 0n ? null : offset
    offset += 1n
    const batch = {
      consumerGroup: "plain",
      topic: "log",
      partition: 0,
      events,
      malformed: [],
      storedOffset,
      nextOffset: offset,
    }
    await readModel.apply(batch)
    await readModel.expireDue(1_000)
    await appTables.apply({ ...batch, topic: "results" })
    await appTables.settle(1_000)
  }
}

async function writeOpenRequests(options: PlainPipelineOptions): Promise<void> {
  const events = await readEvents(options.sql)
  const ended = new Set(
    events.filter(({ type }) => classifyEvent(type)?.class === "result").map(e => e.causationId),
  )
  const open = events.filter(
    ({ type, eventId }) => classifyEvent(type)?.class !== "result" && !ended.has(eventId),
  )
  for (const event of open.filter(event => !isReadable(event))) {
    await insertDeadLetter(options.sql, { source: "plain", reason: "unreadable", eventId: event.eventId })
  }
  const records = open.filter(isReadable).flatMap(event => {
    const kind = operationKindOf(event.type)
    if (!kind) return []
    const { type, word } = operationDefinition(kind)
    return [{ registry: type, event, word: word(event) }]
  })
  for (const [registry, batch] of Map.groupBy(records, record => record.registry)) {
    await writeBatch(options, registry, batch.slice(0, 200))
  }
}

async function writeBatch(
  options: PlainPipelineOptions,
  registry: OperationType,
  batch: Record[],
): Promise<void> {
  const { sql, chain, contracts, tamper = (same: Record[]) => same } = options
  const records = tamper(batch)
  if (records.length === 0) return
  const wallet = new Wallet(options.privateKey, chain.provider)
  const contract = new Contract(contracts[registry], registryInterface, wallet)
  const calldata = records.map(({ event, word }) => ({ subject: event.subject, word }))
  const sent = await contract.getFunction("applyBatch").send(calldata, { gasLimit: 16_000_000 })
  const receipt = await chain.provider.waitForTransaction(sent.hash)
  const log = receipt?.logs[0] && registryInterface.parseLog(receipt.logs[0])
  const codes = Buffer.from(String(log?.args.outcomes).slice(2), "hex")
  for (const [index, { event }] of records.entries()) {
    const outcome = outcomeFromCode(codes[index] ?? -1)
    const kind = operationKindOf(event.type)
    const verdict = outcome && verdictOf(outcome)
    if (!outcome || !kind || !verdict || verdict === "try-again") continue
    const payload = {
      operationId: event.eventId,
      operationPosition: event.position.toString(),
      outcome,
      transactionHash: sent.hash,
    }
    await sql`select reconciler.append_internal(
      ${resultEventType(kind, verdict)}, ${subjectBytes(event.subject)}, ${JSON.stringify(payload)}::text::jsonb,
      ${event.eventId}::uuid, null)`
  }
}

function isReadable(event: EventRecord): boolean {
  return payloadSchema(event.type)?.safeParse(event.payload).success === true
}

async function readEvents(sql: Sql): Promise<EventRecord[]> {
  const rows = await sql<(EventRecord & { bytes: Buffer; at: Date })[]>`
    select seq as position, event_id as "eventId", type, subject as bytes, payload, occurred_at as at, traceparent,
      causation_id as "causationId"
    from reconciler.outbox order by seq`
  return rows.map(row => ({ ...row, subject: subjectFromBytes(row.bytes), occurredAtMs: row.at.getTime() }))
}
