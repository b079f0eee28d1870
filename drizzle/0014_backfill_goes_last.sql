DROP INDEX "reconciler"."chain_operations_pending";--> statement-breakpoint
DROP INDEX "reconciler"."chain_operations_unfinished_of_subject";--> statement-breakpoint
ALTER TABLE "reconciler"."chain_operations" ADD COLUMN "backfill" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "reconciler"."outbox" ADD COLUMN "backfill" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "chain_operations_pending" ON "reconciler"."chain_operations" USING btree ("type","backfill","position","event_id") WHERE "reconciler"."chain_operations"."state" = 'pending';--> statement-breakpoint
CREATE INDEX "chain_operations_unfinished_of_subject" ON "reconciler"."chain_operations" USING btree ("subject","position","event_id") WHERE "reconciler"."chain_operations"."state" in ('pending', 'claimed', 'included');
--> statement-breakpoint
-- The functions below are as before, with the mark `backfill`: for what can wait, so that live requests go first.
DROP FUNCTION "reconciler"."append"(text, bytea, jsonb, text, uuid);
--> statement-breakpoint
DROP FUNCTION "reconciler"."append"(text, text, jsonb, text, uuid);
--> statement-breakpoint
DROP FUNCTION "reconciler"."append_serialised"(text, bytea, jsonb, text, uuid);
--> statement-breakpoint
DROP FUNCTION "reconciler"."append_once"(text, text, bytea, jsonb, text, uuid);
--> statement-breakpoint
DROP FUNCTION "reconciler"."append_once"(text, text, text, jsonb, text, uuid);
--> statement-breakpoint
DROP FUNCTION "reconciler"."write_request"(text, bytea, jsonb, text, uuid);
--> statement-breakpoint
DROP FUNCTION "reconciler"."write_once"(text, text, bytea, jsonb, text, uuid);
--> statement-breakpoint
DROP FUNCTION "reconciler"."batch_request"(jsonb);
--> statement-breakpoint
-- Writes a request that was checked, of a subject that the caller holds.
CREATE FUNCTION "reconciler"."write_request"(
  type text, subject bytea, payload jsonb, traceparent text, causation_id uuid, backfill boolean,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  IF write_request.type = 'block-ip.requested' AND write_request.payload -> 'manual' = 'false' AND EXISTS (
      SELECT FROM reconciler.manual_blocks m WHERE m.subject = write_request.subject) THEN
    write_request.outcome := 'manual-block-stands';
    RETURN;
  END IF;
  INSERT INTO reconciler.outbox AS o (type, subject, payload, traceparent, causation_id, backfill)
    VALUES (write_request.type, write_request.subject, write_request.payload, write_request.traceparent,
      write_request.causation_id, coalesce(write_request.backfill, false))
    RETURNING o.seq, o.event_id INTO write_request.seq, write_request.event_id;
  write_request.outcome := 'appended';
  IF write_request.type = 'block-ip.requested' AND write_request.payload -> 'manual' = 'true' THEN
    INSERT INTO reconciler.manual_blocks AS m (subject, seq) VALUES (write_request.subject, write_request.seq)
      ON CONFLICT (subject) DO UPDATE SET seq = excluded.seq;
  ELSIF write_request.type = 'unblock-ip.requested' THEN
    DELETE FROM reconciler.manual_blocks m WHERE m.subject = write_request.subject;
  END IF;
END
$$;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."append_serialised"(
  type text, subject bytea, payload jsonb, traceparent text DEFAULT NULL, causation_id uuid DEFAULT NULL,
  backfill boolean DEFAULT false,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM reconciler.refuse_faults(reconciler.request_faults(type, subject, payload, traceparent));
  SELECT w.outcome, w.seq, w.event_id INTO outcome, seq, event_id
    FROM reconciler.write_request(type, subject, payload, traceparent, causation_id, backfill) w;
END
$$;
--> statement-breakpoint
-- Appends one request to the event log, in the caller's transaction: the application's way in, from any language.
-- `backfill`: it can wait. Live requests go to the chain before it, but for an eighth of the way, which is kept for it.
-- One row: 'appended' with position and id, or 'manual-block-stands' for an automatic block of a subject that is
-- blocked by hand. Refused input raises RC001, with the faults in the message and one a line in the detail.
-- Takes the subject's lock until the transaction ends; whoever appends for several subjects does so in sorted order.
-- Runs with its owner's rights: an application's role needs USAGE on the schema and EXECUTE here, nothing on tables.
CREATE FUNCTION "reconciler"."append"(
  type text, subject bytea, payload jsonb, traceparent text DEFAULT NULL, causation_id uuid DEFAULT NULL,
  backfill boolean DEFAULT false,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM reconciler.lock_subject(subject);
  SELECT a.outcome, a.seq, a.event_id INTO outcome, seq, event_id
    FROM reconciler.append_serialised(type, subject, payload, traceparent, causation_id, backfill) a;
END
$$;
--> statement-breakpoint
-- The same with the subject as text, `0x` and 64 lower-case hex digits.
CREATE FUNCTION "reconciler"."append"(
  type text, subject text, payload jsonb, traceparent text DEFAULT NULL, causation_id uuid DEFAULT NULL,
  backfill boolean DEFAULT false,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE sql VOLATILE AS $$
  SELECT * FROM reconciler.append(
    type, CASE WHEN subject ~ '^0x[0-9a-f]{64}$' THEN decode(substr(subject, 3), 'hex') END, payload, traceparent,
    causation_id, backfill)
$$;
--> statement-breakpoint
-- Writes a request unless its key was answered: then gives the first answer, 'already-appended' for 'appended'. The
-- subject's lock makes a second caller wait for the first one's commit. Who has the key for another subject meanwhile
-- meets the unique key of the table. Trace, cause and mark do not make it another request.
CREATE FUNCTION "reconciler"."write_once"(
  idempotency_key text, type text, subject bytea, payload jsonb, traceparent text, causation_id uuid,
  backfill boolean,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  key bytea := sha256(convert_to(idempotency_key, 'UTF8'));
  request bytea := sha256(convert_to(type, 'UTF8') || '\x00' || subject || convert_to(payload::text, 'UTF8'));
  answered record;
BEGIN
  SELECT k.request_hash, k.outcome, k.seq, k.event_id INTO answered
    FROM reconciler.idempotency_keys k WHERE k.key_hash = key;
  IF answered.request_hash = request THEN
    write_once.outcome := CASE answered.outcome WHEN 'appended' THEN 'already-appended' ELSE answered.outcome END;
    write_once.seq := answered.seq;
    write_once.event_id := answered.event_id;
    RETURN;
  ELSIF answered.request_hash IS NULL THEN
    SELECT w.outcome, w.seq, w.event_id INTO write_once.outcome, write_once.seq, write_once.event_id
      FROM reconciler.write_request(write_once.type, write_once.subject, write_once.payload, write_once.traceparent,
        write_once.causation_id, write_once.backfill) w;
    INSERT INTO reconciler.idempotency_keys (key_hash, request_hash, outcome, seq, event_id)
      VALUES (key, request, write_once.outcome, write_once.seq, write_once.event_id) ON CONFLICT DO NOTHING;
    IF FOUND THEN
      RETURN;
    END IF;
  END IF;
  PERFORM reconciler.refuse_faults(ARRAY['idempotency_key: was used for another request']);
END
$$;
--> statement-breakpoint
-- `append` that can be called again, after a lost answer say: the same key gives the first call's answer and writes
-- nothing, for as long as the log keeps the event. The same key with another request raises RC001. The key is one of
-- the caller's, with nobody's name in it.
CREATE FUNCTION "reconciler"."append_once"(
  idempotency_key text, type text, subject bytea, payload jsonb, traceparent text DEFAULT NULL,
  causation_id uuid DEFAULT NULL, backfill boolean DEFAULT false,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM reconciler.refuse_faults(reconciler.request_faults(type, subject, payload, traceparent)
    || reconciler.idempotency_key_faults(idempotency_key));
  PERFORM reconciler.lock_subject(subject);
  SELECT w.outcome, w.seq, w.event_id INTO outcome, seq, event_id
    FROM reconciler.write_once(idempotency_key, type, subject, payload, traceparent, causation_id, backfill) w;
END
$$;
--> statement-breakpoint
-- The same with the subject as text, `0x` and 64 lower-case hex digits.
CREATE FUNCTION "reconciler"."append_once"(
  idempotency_key text, type text, subject text, payload jsonb, traceparent text DEFAULT NULL,
  causation_id uuid DEFAULT NULL, backfill boolean DEFAULT false,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE sql VOLATILE AS $$
  SELECT * FROM reconciler.append_once(
    idempotency_key, type, CASE WHEN subject ~ '^0x[0-9a-f]{64}$' THEN decode(substr(subject, 3), 'hex') END, payload,
    traceparent, causation_id, backfill)
$$;
--> statement-breakpoint
-- One element of a batch, taken apart. What is no text is none of ours: `->>` would make one of it.
CREATE FUNCTION "reconciler"."batch_request"(
  request jsonb,
  OUT type text, OUT subject bytea, OUT payload jsonb, OUT traceparent text, OUT causation_id text,
  OUT idempotency_key text, OUT backfill boolean
) LANGUAGE sql IMMUTABLE AS $$
  SELECT request ->> 'type',
    CASE WHEN request ->> 'subject' ~ '^0x[0-9a-f]{64}$' THEN decode(substr(request ->> 'subject', 3), 'hex') END,
    request -> 'payload', request ->> 'traceparent', request ->> 'causation_id', request ->> 'idempotency_key',
    coalesce(request -> 'backfill' = 'true', false)
$$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION "reconciler"."batch_request_faults"(request jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  parts record;
  faults text[];
BEGIN
  IF jsonb_typeof(request) <> 'object' THEN
    RETURN ARRAY['must be an object'];
  END IF;
  parts := reconciler.batch_request(request);
  faults := reconciler.request_faults(parts.type, parts.subject, parts.payload, parts.traceparent);
  IF parts.causation_id !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN
    faults := faults || 'causation_id: must be a UUID'::text;
  END IF;
  IF parts.idempotency_key IS NOT NULL THEN
    faults := faults || reconciler.idempotency_key_faults(parts.idempotency_key);
  END IF;
  IF jsonb_typeof(request -> 'backfill') NOT IN ('boolean', 'null') THEN
    faults := faults || 'backfill: must be of type boolean'::text;
  END IF;
  IF request - '{type,subject,payload,traceparent,causation_id,idempotency_key,backfill}'::text[] <> '{}' THEN
    faults := faults || 'has a key that is not allowed'::text;
  END IF;
  RETURN faults;
END
$$;
--> statement-breakpoint
-- Appends many requests in the caller's transaction: a JSON array of at most 1,000 objects with the arguments of
-- `append` (subject as text) and, where wanted, `idempotency_key`. Answers one row each, in the order given, ordinals
-- from 0. All are checked before any is written: RC001 names each fault with its ordinal. Subjects are locked in
-- sorted order, so that two batches of the same subjects never wait for each other for ever.
CREATE OR REPLACE FUNCTION "reconciler"."append_many"(events jsonb)
RETURNS TABLE (ordinal integer, outcome text, seq bigint, event_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  item record;
BEGIN
  IF coalesce(jsonb_typeof(events), 'nothing') <> 'array' OR jsonb_array_length(events) > 1000 THEN
    PERFORM reconciler.refuse_faults(ARRAY['events: must be an array of at most 1000 requests']);
  END IF;
  PERFORM reconciler.refuse_faults(coalesce((
    SELECT array_agg(format('%s.%s', e.number - 1, f.fault) ORDER BY e.number)
    FROM jsonb_array_elements(events) WITH ORDINALITY e (request, number),
      unnest(reconciler.batch_request_faults(e.request)) f (fault)), '{}'));
  PERFORM reconciler.lock_subject(s.subject) FROM (
    SELECT DISTINCT r.subject FROM jsonb_array_elements(events) e (request), reconciler.batch_request(e.request) r
    ORDER BY r.subject) s;
  FOR item IN
    SELECT e.number, r.*
    FROM jsonb_array_elements(events) WITH ORDINALITY e (request, number), reconciler.batch_request(e.request) r
    ORDER BY e.number
  LOOP
    ordinal := item.number - 1;
    IF item.idempotency_key IS NULL THEN
      SELECT w.outcome, w.seq, w.event_id INTO outcome, seq, event_id FROM reconciler.write_request(
        item.type, item.subject, item.payload, item.traceparent, item.causation_id::uuid, item.backfill) w;
    ELSE
      SELECT w.outcome, w.seq, w.event_id INTO outcome, seq, event_id FROM reconciler.write_once(
        item.idempotency_key, item.type, item.subject, item.payload, item.traceparent, item.causation_id::uuid,
        item.backfill) w;
    END IF;
    RETURN NEXT;
  END LOOP;
END
$$;
