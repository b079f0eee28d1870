-- Makes the daily partitions from today (UTC) to `days_ahead` days later that are missing; says how many it made.
-- Waits 50 ms at most for a lock and then fails with lock_not_available (55P03), to be tried again: a queued lock on
-- the log would stop every insert behind it. ATTACH, not CREATE … PARTITION OF, which asks for the strongest lock.
-- A day that the default partition already holds events of is left there.
CREATE FUNCTION "reconciler"."ensure_partitions"(days_ahead integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SET lock_timeout = '50ms' AS $$
DECLARE
  today_ms bigint := floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint / 86400000 * 86400000;
  from_ms bigint;
  lower_position bigint;
  upper_position bigint;
  partition_name text;
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
    CONTINUE WHEN EXISTS (
      SELECT FROM reconciler.outbox_default WHERE seq >= lower_position AND seq < upper_position);
    EXECUTE format('CREATE TABLE reconciler.%I (LIKE reconciler.outbox INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
      partition_name);
    EXECUTE format('ALTER TABLE reconciler.outbox ATTACH PARTITION reconciler.%I FOR VALUES FROM (%s) TO (%s)',
      partition_name, lower_position, upper_position);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the event log is append-only: % refused', TG_OP USING ERRCODE = 'RC003';
END
$$;
--> statement-breakpoint
-- For each row, because such a trigger is passed on to the partitions; it costs inserts nothing.
CREATE TRIGGER "outbox_rows_stay" BEFORE UPDATE OR DELETE ON "reconciler"."outbox"
  FOR EACH ROW EXECUTE FUNCTION "reconciler"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "outbox_is_not_truncated" BEFORE TRUNCATE ON "reconciler"."outbox"
  FOR EACH STATEMENT EXECUTE FUNCTION "reconciler"."refuse_change"();
--> statement-breakpoint
-- Receive rule: a version seen on the chain lifts this log above it, so that the later write wins on every branch.
-- False, and nothing changed, for a version over 5 minutes ahead of the clock: one wrong clock must not carry all along.
CREATE FUNCTION "reconciler"."raise_position"(foreign_position bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF foreign_position > reconciler.clock_position() + (300000::bigint << 22) THEN
    RETURN false;
  END IF;
  IF (SELECT last_value FROM reconciler.outbox_position) < foreign_position THEN
    PERFORM reconciler.raise_sequence((foreign_position >> 10 << 10) + 1024, true);
  END IF;
  RETURN true;
END
$$;
