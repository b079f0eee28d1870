CREATE TABLE "reconciler"."archives" (
	"partition" text PRIMARY KEY NOT NULL,
	"from_seq" bigint NOT NULL,
	"to_seq" bigint NOT NULL,
	"file" text NOT NULL,
	"rows" bigint NOT NULL,
	"bytes" bigint NOT NULL,
	"sha256" text NOT NULL,
	"archived_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"dropped_at" timestamp with time zone,
	"restored_at" timestamp with time zone,
	CONSTRAINT "archives_sha256" CHECK ("reconciler"."archives"."sha256" ~ '^[0-9a-f]{64}$')
);

--> statement-breakpoint
-- As before, and two things more: the clock is the positions' own, and a day that the default partition holds events of
-- is made with those in it, up to 5,000 of them, which hold up inserts into the default partition for as long as it takes
-- to copy them. Nothing else can be inserted in between, and nobody sees an event twice or not at all. A day with more is
-- left where it is: it is read in order there too, and a finding says so.
CREATE OR REPLACE FUNCTION "reconciler"."ensure_partitions"(days_ahead integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SET lock_timeout = '50ms' AS $$
DECLARE
  max_moved CONSTANT integer := 5000;
  today_ms bigint := reconciler.clock_ms() / 86400000 * 86400000;
  from_ms bigint;
  lower_position bigint;
  upper_position bigint;
  partition_name text;
  strays bigint;
  made integer := 0;
BEGIN
  -- Two at once would both find the same day missing.
  PERFORM pg_advisory_xact_lock(1380137285, 0);
  FOR day IN 0..days_ahead LOOP
    from_ms := today_ms + day * 86400000::bigint;
    lower_position := (from_ms - 1704067200000) << 22;
    upper_position := (from_ms + 86400000 - 1704067200000) << 22;
    partition_name := 'outbox_' || to_char(to_timestamp(from_ms / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD');
    CONTINUE WHEN to_regclass('reconciler.' || partition_name) IS NOT NULL;
    SELECT count(*) INTO strays FROM (
      SELECT FROM reconciler.outbox_default WHERE seq >= lower_position AND seq < upper_position
      LIMIT max_moved + 1) s;
    CONTINUE WHEN strays > max_moved;
    EXECUTE format('CREATE TABLE reconciler.%I (LIKE reconciler.outbox INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
      partition_name);
    IF strays > 0 THEN
      LOCK TABLE reconciler.outbox_default IN ACCESS EXCLUSIVE MODE;
      ALTER TABLE reconciler.outbox_default DISABLE TRIGGER outbox_rows_stay;
      EXECUTE format('WITH moved AS (
          DELETE FROM reconciler.outbox_default WHERE seq >= %s AND seq < %s RETURNING *)
        INSERT INTO reconciler.%I SELECT * FROM moved', lower_position, upper_position, partition_name);
      ALTER TABLE reconciler.outbox_default ENABLE TRIGGER outbox_rows_stay;
    END IF;
    EXECUTE format('ALTER TABLE reconciler.outbox ATTACH PARTITION reconciler.%I FOR VALUES FROM (%s) TO (%s)',
      partition_name, lower_position, upper_position);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;
