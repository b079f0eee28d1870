import { sql } from "drizzle-orm"
import {
  bigint,
  boolean,
  check,
  integer,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from "drizzle-orm/pg-core"
import { bytea, reconciler } from "./event-log.ts"

const moment = (name: string) => timestamp(name, { withTimezone: true })

/**
 * The contracts this branch writes to, one row a deployment: rebuilding → active → retired. While one is rebuilt nothing
 * else is begun; after it only its contracts are written to, whatever addresses a process was started with.
 */
export const chainDeployments = reconciler.table(
  "chain_deployments",
  {
    id: bigint({ mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
    genesisHash: bytea("genesis_hash").notNull(),
    /** The registries' addresses; empty until they are made. */
    patient: bytea(),
    ipBlock: bytea("ip_block"),
    attackSignature: bytea("attack_signature"),
    state: text().notNull(),
    /** Since then it is known what each subject's word has to be. */
    plannedAt: moment("planned_at"),
    /** How often what was still missing has been asked for. */
    rounds: integer().notNull().default(0),
    begunAt: moment("begun_at").notNull().default(sql`clock_timestamp()`),
    activeAt: moment("active_at"),
  },
  table => [
    check("chain_deployments_state", sql`${table.state} in ('rebuilding', 'active', 'retired', 'abandoned')`),
    check(
      "chain_deployments_addresses",
      sql`(${table.patient} is null) = (${table.ipBlock} is null)
        and (${table.patient} is null) = (${table.attackSignature} is null)
        and (${table.state} not in ('active', 'retired') or ${table.patient} is not null)`,
    ),
    check(
      "chain_deployments_active",
      sql`(${table.state} in ('active', 'retired')) = (${table.activeAt} is not null)`,
    ),
    uniqueIndex("chain_deployments_one_active").on(table.state).where(sql`${table.state} = 'active'`),
    uniqueIndex("chain_deployments_one_rebuilding").on(table.state).where(sql`${table.state} = 'rebuilding'`),
  ],
)

/** What a rebuild has to bring about: of each subject the newest operation that took effect, by the log. */
export const chainRebuildSubjects = reconciler.table(
  "chain_rebuild_subjects",
  {
    deploymentId: bigint("deployment_id", { mode: "bigint" })
      .notNull()
      .references(() => chainDeployments.id),
    subject: bytea().notNull(),
    type: text().notNull(),
    kind: text().notNull(),
    version: bigint({ mode: "bigint" }).notNull(),
    /** The record that was applied. */
    word: bytea().notNull(),
    /** A block that was over, or whose expiry took effect: its tombstone stands. */
    ended: boolean().notNull(),
  },
  table => [
    primaryKey({ columns: [table.deploymentId, table.subject] }),
    check("chain_rebuild_subjects_subject_is_32_bytes", sql`octet_length(${table.subject}) = 32`),
    check("chain_rebuild_subjects_word_is_32_bytes", sql`octet_length(${table.word}) = 32`),
  ],
)
