import type { Position } from "../domain/position.ts"

/** One day of the log. */
export interface Partition {
  /** `outbox_20260131`. */
  readonly name: string
  readonly from: Position
  /** The first position of the next day. */
  readonly to: Position
  readonly bytes: number
  /** False between its detach and its drop: an archiving that was interrupted there. */
  readonly attached: boolean
  /** Brought back by hand; only a hand takes it away again. */
  readonly restored: boolean
}

/**
 * Who may still need a partition's events. `consumers`: a group that has not handled all that was published;
 * `dead-letters`: an event that was set aside and may be requeued.
 */
export type Holder = "relay" | "chain-writer" | "projector" | "dead-letters" | "consumers"

/** How far a consumer group has to come in one partition of a topic: the offset after the last message. */
export interface GroupEnd {
  readonly groupId: string
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/** Port: how far the consumers are. */
export interface ConsumerProgress {
  /** Ends of all that is published by now, for each group that is to handle it. */
  ends(): Promise<readonly GroupEnd[]>
  /** Groups whose offset, stored with their effects, is below one of these. */
  behind(ends: readonly GroupEnd[]): Promise<readonly string[]>
}

/** What a file holds, and how to tell that it still does. */
export interface Archive {
  readonly partition: string
  readonly from: Position
  readonly to: Position
  /** File name within the archive directory. */
  readonly file: string
  readonly rows: number
  /** Of the compressed file. */
  readonly bytes: number
  /** Of the compressed file, 64 hex digits. */
  readonly sha256: string
}

/**
 * Port: the log as a row of days. Rules for whoever implements it:
 * - no statement holds up an insert for more than 50 ms; it gives up with "busy" instead;
 * - `drop` deletes only what an archive was recorded of, and only while it has that many rows.
 */
export interface ArchivableLog {
  /** Oldest first; never the default partition. */
  partitions(): Promise<readonly Partition[]>
  /** By what the database knows of open work; empty when nobody needs the events any more. */
  holders(partition: Partition): Promise<readonly Holder[]>
  /** One JSON object an event, in order of position, in chunks. */
  lines(partition: string): AsyncIterable<readonly string[]>
  archiveOf(partition: string): Promise<Archive | null>
  record(archive: Archive): Promise<void>
  detach(partition: string): Promise<"detached" | "busy">
  drop(archive: Archive): Promise<"dropped" | "changed">
  /** Puts an archive's events back as a partition of the log, all or none. Throws when the day is there already. */
  restore(archive: Archive, lines: AsyncIterable<readonly string[]>): Promise<"restored" | "busy">
}

/** Port: where archives are kept. A file under its name is whole and on disk; the name of one never changes its content. */
export interface ArchiveFiles {
  write(
    partition: Pick<Partition, "name" | "from" | "to">,
    lines: AsyncIterable<readonly string[]>,
  ): Promise<Archive>
  /** What is in the file now. Throws OperatorError for one that is missing, damaged or none of ours. */
  inspect(file: string): Promise<Archive>
  lines(file: string): AsyncIterable<readonly string[]>
}
