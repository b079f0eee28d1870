CREATE SCHEMA IF NOT EXISTS "reconciler";
--> statement-breakpoint
CREATE TABLE "reconciler"."consumer_offsets" (
	"consumer_group" text NOT NULL,
	"topic" text NOT NULL,
	"partition" integer NOT NULL,
	"next_offset" bigint NOT NULL,
	CONSTRAINT "consumer_offsets_consumer_group_topic_partition_pk" PRIMARY KEY("consumer_group","topic","partition")
);
--> statement-breakpoint
CREATE TABLE "reconciler"."manual_blocks" (
	"subject" "bytea" PRIMARY KEY NOT NULL,
	"seq" bigint NOT NULL
);
--> statement-breakpoint
-- Positions: milliseconds since 2024 << 22 | counter << 10 | writer id. CACHE 1: a cached range would be handed out
-- after later positions, and the relay would skip it. MINVALUE leaves 0 free: a position is never 0.
CREATE SEQUENCE "reconciler"."outbox_position" AS bigint INCREMENT BY 1024 MINVALUE 1024 START WITH 1024 CACHE 1 NO CYCLE;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."clock_position"() RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT (floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1704067200000) << 22
$$;
--> statement-breakpoint
-- Raises the sequence to at least `target`, never lowers it; its low 10 bits, the writer id, stay as they are.
-- Only one session may set it at a time: two that look and then set could lower it. The lock is taken in a block that
-- is always rolled back, because that is what releases it, on success, on error and on a cancelled statement alike;
-- setval is not undone by a rollback.
CREATE FUNCTION "reconciler"."raise_sequence"(target bigint, wait boolean) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF wait THEN
    PERFORM pg_advisory_xact_lock(1380137283, 0);
  ELSIF NOT pg_try_advisory_xact_lock(1380137283, 0) THEN
    RETURN;
  END IF;
  PERFORM setval('reconciler.outbox_position', target | (last_value & 1023))
    FROM reconciler.outbox_position WHERE last_value < target;
  RAISE EXCEPTION USING ERRCODE = 'RC999';
EXCEPTION WHEN SQLSTATE 'RC999' THEN
  NULL;
END
$$;
--> statement-breakpoint
-- A session that does not get the lock takes the next number as it is: it is unique and rising all the same.
-- A clock that stepped back leaves the sequence ahead, which then just counts on.
CREATE FUNCTION "reconciler"."next_position"() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  now_position bigint := reconciler.clock_position();
BEGIN
  IF (SELECT last_value FROM reconciler.outbox_position) >> 22 < now_position >> 22 THEN
    PERFORM reconciler.raise_sequence(now_position, false);
  END IF;
  RETURN nextval('reconciler.outbox_position');
END
$$;
--> statement-breakpoint
CREATE TABLE "reconciler"."outbox" (
	"seq" bigint PRIMARY KEY DEFAULT reconciler.next_position() NOT NULL,
	"event_id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"type" text NOT NULL,
	"subject" "bytea" NOT NULL,
	"payload" jsonb NOT NULL,
	"occurred_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"traceparent" text,
	"causation_id" uuid,
	CONSTRAINT "outbox_subject_is_32_bytes" CHECK (octet_length("reconciler"."outbox"."subject") = 32),
	CONSTRAINT "outbox_payload_is_an_object" CHECK (jsonb_typeof("reconciler"."outbox"."payload") = 'object')
) PARTITION BY RANGE ("seq");
--> statement-breakpoint
-- Keeps inserts alive when the clock is far off or no partition was made for the day.
CREATE TABLE "reconciler"."outbox_default" PARTITION OF "reconciler"."outbox" DEFAULT;
--> statement-breakpoint
CREATE TABLE "reconciler"."request_types" (
	"type" text PRIMARY KEY NOT NULL,
	"payload_schema" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reconciler"."settings" (
	"singleton" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"writer_id" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "settings_one_row" CHECK ("reconciler"."settings"."singleton"),
	CONSTRAINT "settings_writer_id_10_bits" CHECK ("reconciler"."settings"."writer_id" between 0 and 1023)
);
--> statement-breakpoint
INSERT INTO "reconciler"."settings" DEFAULT VALUES;
