CREATE TABLE "reconciler"."idempotency_keys" (
	"key_hash" "bytea" PRIMARY KEY NOT NULL,
	"request_hash" "bytea" NOT NULL,
	"outcome" text NOT NULL,
	"seq" bigint,
	"event_id" uuid,
	"answered_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "idempotency_keys_event" CHECK (("reconciler"."idempotency_keys"."outcome" = 'appended') = ("reconciler"."idempotency_keys"."seq" is not null and "reconciler"."idempotency_keys"."event_id" is not null))
);

--> statement-breakpoint
-- Ends the statement with all faults of what the caller gave, if there are any. A batch can have thousands: the first 20.
CREATE FUNCTION "reconciler"."refuse_faults"(faults text[]) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF faults <> '{}' THEN
    RAISE EXCEPTION 'event refused: %', array_to_string(faults[1:20], '; ')
      USING ERRCODE = 'RC001', DETAIL = array_to_string(faults[1:20], E'\n');
  END IF;
END
$$;
--> statement-breakpoint
-- 64 bits: with fewer, two subjects would share a lock, and sorted subjects would not be sorted locks.
CREATE FUNCTION "reconciler"."lock_subject"(subject bytea) RETURNS void LANGUAGE sql VOLATILE AS $$
  SELECT pg_advisory_xact_lock(hashtextextended(encode(subject, 'hex'), 1380137284))
$$;
--> statement-breakpoint
-- Writes a request that was checked, of a subject that the caller holds.
CREATE FUNCTION "reconciler"."write_request"(
  type text, subject bytea, payload jsonb, traceparent text, causation_id uuid,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
  IF write_request.type = 'block-ip.requested' AND write_request.payload -> 'manual' = 'false' AND EXISTS (
      SELECT FROM reconciler.manual_blocks m WHERE m.subject = write_request.subject) THEN
    write_request.outcome := 'manual-block-stands';
    RETURN;
  END IF;
  INSERT INTO reconciler.outbox AS o (type, subject, payload, traceparent, causation_id)
    VALUES (write_request.type, write_request.subject, write_request.payload, write_request.traceparent,
      write_request.causation_id)
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
-- As before: `append` for a caller that lets only one writer of a subject through at a time.
CREATE OR REPLACE FUNCTION "reconciler"."append_serialised"(
  type text, subject bytea, payload jsonb, traceparent text DEFAULT NULL, causation_id uuid DEFAULT NULL,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM reconciler.refuse_faults(reconciler.request_faults(type, subject, payload, traceparent));
  SELECT w.outcome, w.seq, w.event_id INTO outcome, seq, event_id
    FROM reconciler.write_request(type, subject, payload, traceparent, causation_id) w;
END
$$;
--> statement-breakpoint
-- Writes a request unless its key was answered: then gives the first answer, 'already-appended' for 'appended'. The
-- subject's lock makes a second caller wait for the first one's commit. Who has the key for another subject meanwhile
-- meets the unique key of the table.
CREATE FUNCTION "reconciler"."write_once"(
  idempotency_key text, type text, subject bytea, payload jsonb, traceparent text, causation_id uuid,
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
        write_once.causation_id) w;
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
CREATE FUNCTION "reconciler"."idempotency_key_faults"(idempotency_key text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN length(idempotency_key) BETWEEN 1 AND 200 THEN '{}'::text[]
    ELSE ARRAY['idempotency_key: must be 1 to 200 characters'] END
$$;
--> statement-breakpoint
-- `append` that can be called again, after a lost answer say: the same key gives the first call's answer and writes
-- nothing, for as long as the log keeps the event. The same key with another request raises RC001. The key is one of
-- the caller's, with nobody's name in it.
CREATE FUNCTION "reconciler"."append_once"(
  idempotency_key text, type text, subject bytea, payload jsonb, traceparent text DEFAULT NULL,
  causation_id uuid DEFAULT NULL,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM reconciler.refuse_faults(reconciler.request_faults(type, subject, payload, traceparent)
    || reconciler.idempotency_key_faults(idempotency_key));
  PERFORM reconciler.lock_subject(subject);
  SELECT w.outcome, w.seq, w.event_id INTO outcome, seq, event_id
    FROM reconciler.write_once(idempotency_key, type, subject, payload, traceparent, causation_id) w;
END
$$;
--> statement-breakpoint
-- The same with the subject as text, `0x` and 64 lower-case hex digits.
CREATE FUNCTION "reconciler"."append_once"(
  idempotency_key text, type text, subject text, payload jsonb, traceparent text DEFAULT NULL,
  causation_id uuid DEFAULT NULL,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE sql VOLATILE AS $$
  SELECT * FROM reconciler.append_once(
    idempotency_key, type, CASE WHEN subject ~ '^0x[0-9a-f]{64}$' THEN decode(substr(subject, 3), 'hex') END, payload,
    traceparent, causation_id)
$$;
--> statement-breakpoint
-- One element of a batch, taken apart. What is no text is none of ours: `->>` would make one of it.
CREATE FUNCTION "reconciler"."batch_request"(
  request jsonb,
  OUT type text, OUT subject bytea, OUT payload jsonb, OUT traceparent text, OUT causation_id text,
  OUT idempotency_key text
) LANGUAGE sql IMMUTABLE AS $$
  SELECT request ->> 'type',
    CASE WHEN request ->> 'subject' ~ '^0x[0-9a-f]{64}$' THEN decode(substr(request ->> 'subject', 3), 'hex') END,
    request -> 'payload', request ->> 'traceparent', request ->> 'causation_id', request ->> 'idempotency_key'
$$;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."batch_request_faults"(request jsonb) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
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
  IF request - '{type,subject,payload,traceparent,causation_id,idempotency_key}'::text[] <> '{}' THEN
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
CREATE FUNCTION "reconciler"."append_many"(events jsonb)
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
        item.type, item.subject, item.payload, item.traceparent, item.causation_id::uuid) w;
    ELSE
      SELECT w.outcome, w.seq, w.event_id INTO outcome, seq, event_id FROM reconciler.write_once(
        item.idempotency_key, item.type, item.subject, item.payload, item.traceparent, item.causation_id::uuid) w;
    END IF;
    RETURN NEXT;
  END LOOP;
END
$$;
