import { sql } from "drizzle-orm"
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core"
import { chainDeployments } from "./deployments.ts"
import { bytea, reconciler } from "./event-log.ts"

const moment = (name: string) => timestamp(name, { withTimezone: true })
const wei = (name: string) => bigint(name, { mode: "bigint" })

/** Requests on their way to the chain: pending → claimed → included → final, and back to pending when nothing took effect. */
export const chainOperations = reconciler.table(
  "chain_operations",
  {
    eventId: uuid("event_id").primaryKey(),
    position: bigint({ mode: "bigint" }).notNull(),
    type: text().notNull(),
    kind: text().notNull(),
    subject: bytea().notNull(),
    /** The contract's record word, fixed when the request came in. */
    word: bytea().notNull(),
    traceparent: text(),
    state: text().notNull().default("pending"),
    tries: integer().notNull().default(0),
    /** Live work goes before it. Ended by a live operation of the subject that comes after it. */
    backfill: boolean().notNull().default(false),
    /** Not claimed before this. */
    notBefore: moment("not_before"),
    result: text(),
    outcome: text(),
    acceptedAt: moment("accepted_at").notNull().default(sql`clock_timestamp()`),
    finalAt: moment("final_at"),
    /** The rebuild that writes it once more, to new contracts. Its result was told before, and is not told again. */
    rebuild: bigint({ mode: "bigint" }).references(() => chainDeployments.id),
  },
  table => [
    check("chain_operations_type", sql`${table.type} in ('patient', 'ip-block', 'attack-signature')`),
    check("chain_operations_subject_is_32_bytes", sql`octet_length(${table.subject}) = 32`),
    check("chain_operations_word_is_32_bytes", sql`octet_length(${table.word}) = 32`),
    check("chain_operations_state", sql`${table.state} in ('pending', 'claimed', 'included', 'final')`),
    check(
      "chain_operations_result",
      sql`(${table.state} = 'final') = (${table.result} is not null and ${table.outcome} is not null and ${table.finalAt} is not null)
        and (${table.result} is null or ${table.result} in ('confirmed', 'rejected', 'superseded'))`,
    ),
    // What a claim reads, in its order; stays as small as the backlog however long the history is.
    index("chain_operations_pending")
      .on(table.type, table.backfill, table.position, table.eventId)
      .where(sql`${table.state} = 'pending'`),
    // Whether an earlier operation of the subject is in the way, and which ones a live one makes live.
    index("chain_operations_unfinished_of_subject")
      .on(table.subject, table.position, table.eventId)
      .where(sql`${table.state} in ('pending', 'claimed', 'included')`),
    // What a rebuild has left to do.
    index("chain_operations_unfinished_of_rebuild")
      .on(table.rebuild)
      .where(sql`${table.rebuild} is not null and ${table.state} <> 'final'`),
  ],
)

/** Signing accounts, each with its lease. The epoch fences every write of the lane. */
export const chainLanes = reconciler.table(
  "chain_lanes",
  {
    address: bytea().primaryKey(),
    /** The chain its nonces belong to. */
    genesisHash: bytea("genesis_hash").notNull(),
    nextNonce: bigint("next_nonce", { mode: "number" }).notNull().default(0),
    epoch: bigint({ mode: "bigint" }).notNull(),
    holder: text(),
    leasedUntil: moment("leased_until").notNull(),
    /** A person wants it empty: nothing new is begun, what is open is finished. */
    draining: boolean().notNull().default(false),
    /** The finding for which nothing new is begun until a person resumes the lane. */
    halted: text(),
  },
  table => [
    check("chain_lanes_address_is_20_bytes", sql`octet_length(${table.address}) = 20`),
    check("chain_lanes_next_nonce", sql`${table.nextNonce} >= 0`),
  ],
)

/** What holds a lane up now. `type` is empty where it concerns the whole lane. */
export const chainFindings = reconciler.table(
  "chain_findings",
  {
    lane: bytea()
      .notNull()
      .references(() => chainLanes.address),
    type: text().notNull(),
    finding: text().notNull(),
    since: moment("since").notNull().default(sql`clock_timestamp()`),
  },
  table => [primaryKey({ columns: [table.lane, table.type, table.finding] })],
)

/**
 * One nonce with its payload: reserved → signed → sent → included → confirmed. `reverted`: used without effect.
 * `lost`: used by a transaction that is not ours. `abandoned`: on a chain that the lane has left. Kept for good: a deep
 * reorg needs the bytes again.
 */
export const chainTransactions = reconciler.table(
  "chain_transactions",
  {
    id: bigint({ mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
    lane: bytea()
      .notNull()
      .references(() => chainLanes.address),
    nonce: bigint({ mode: "number" }).notNull(),
    /** The chain that the nonce belongs to: after a development chain was reset a lane counts anew. */
    genesisHash: bytea("genesis_hash").notNull(),
    type: text().notNull(),
    contract: bytea().notNull(),
    state: text().notNull().default("reserved"),
    /** Which attempt was mined, and where; the outcomes one byte an operation, as the contract gave them. */
    minedHash: bytea("mined_hash"),
    blockNumber: bigint("block_number", { mode: "number" }),
    blockHash: bytea("block_hash"),
    outcomes: bytea(),
    reservedAt: moment("reserved_at").notNull().default(sql`clock_timestamp()`),
    settledAt: moment("settled_at"),
    /** A reorganisation deeper than the confirmations ended in something else than the results told. */
    contradictedAt: moment("contradicted_at"),
  },
  table => [
    unique("chain_transactions_lane_nonce").on(table.lane, table.genesisHash, table.nonce),
    check(
      "chain_transactions_state",
      sql`${table.state} in ('reserved', 'signed', 'sent', 'included', 'confirmed', 'reverted', 'lost', 'abandoned')`,
    ),
    check("chain_transactions_contract_is_20_bytes", sql`octet_length(${table.contract}) = 20`),
    check(
      "chain_transactions_inclusion",
      sql`(${table.state} in ('included', 'confirmed')) = (${table.blockHash} is not null)
        and (${table.blockHash} is null) = (${table.blockNumber} is null)
        and (${table.blockHash} is null) = (${table.outcomes} is null)
        and (${table.state} in ('included', 'confirmed', 'reverted')) = (${table.minedHash} is not null)`,
    ),
    check(
      "chain_transactions_contradicted",
      sql`${table.contradictedAt} is null or ${table.state} = 'confirmed'`,
    ),
    check(
      "chain_transactions_settled",
      sql`(${table.state} in ('confirmed', 'reverted', 'lost', 'abandoned')) = (${table.settledAt} is not null)`,
    ),
    // Nothing may follow a nonce that no node has.
    uniqueIndex("chain_transactions_one_unsent")
      .on(table.lane)
      .where(sql`${table.state} in ('reserved', 'signed')`),
    index("chain_transactions_open").on(table.lane, table.nonce).where(sql`${table.settledAt} is null`),
    // The newest confirmed one is looked at in every pass.
    index("chain_transactions_confirmed")
      .on(table.lane, table.genesisHash, table.nonce)
      .where(sql`${table.state} = 'confirmed' and ${table.contradictedAt} is null`),
  ],
)

/** Which operations a transaction carries, in the order of its records. An operation can have been in several. */
export const chainTransactionOperations = reconciler.table(
  "chain_transaction_operations",
  {
    transactionId: bigint("transaction_id", { mode: "bigint" }).notNull(),
    ordinal: integer().notNull(),
    eventId: uuid("event_id").notNull(),
  },
  table => [
    primaryKey({ columns: [table.transactionId, table.ordinal] }),
    foreignKey({
      columns: [table.transactionId],
      foreignColumns: [chainTransactions.id],
      name: "chain_transaction_operations_transaction",
    }),
    foreignKey({
      columns: [table.eventId],
      foreignColumns: [chainOperations.eventId],
      name: "chain_transaction_operations_operation",
    }),
    // None by event id: nothing asks so, and its keys are random, a page of the index to write for each operation.
  ],
)

/** Signed transactions, stored before they are sent. Several of one nonce carry the same payload with rising fees. */
export const chainAttempts = reconciler.table(
  "chain_attempts",
  {
    hash: bytea().notNull(),
    transactionId: bigint("transaction_id", { mode: "bigint" })
      .notNull()
      .references(() => chainTransactions.id),
    /** Rises with the fees. */
    number: integer().notNull(),
    /** How many of the transaction's operations it carries, from the first on. */
    records: integer().notNull(),
    raw: bytea().notNull(),
    state: text().notNull().default("signed"),
    gasLimit: bigint("gas_limit", { mode: "bigint" }).notNull(),
    maxFeePerGasWei: wei("max_fee_per_gas_wei").notNull(),
    maxPriorityFeePerGasWei: wei("max_priority_fee_per_gas_wei").notNull(),
    signedAt: moment("signed_at").notNull().default(sql`clock_timestamp()`),
    firstSentAt: moment("first_sent_at"),
    lastSentAt: moment("last_sent_at"),
  },
  table => [
    // Not the hash alone: after a reset the same bytes can be signed again, for another chain of the same id.
    primaryKey({ columns: [table.hash, table.transactionId] }),
    unique("chain_attempts_transaction_number").on(table.transactionId, table.number),
    check("chain_attempts_hash_is_32_bytes", sql`octet_length(${table.hash}) = 32`),
    check("chain_attempts_records", sql`${table.records} > 0`),
    check("chain_attempts_state", sql`${table.state} in ('signed', 'sent', 'refused')`),
    check(
      "chain_attempts_sent",
      sql`(${table.firstSentAt} is null) = (${table.lastSentAt} is null)
        and (${table.state} <> 'sent' or ${table.firstSentAt} is not null)`,
    ),
    // One unsent attempt at most.
    uniqueIndex("chain_attempts_one_unsent").on(table.transactionId).where(sql`${table.state} = 'signed'`),
  ],
)
