-- What is wrong with a value by a JSON Schema: one "path: rule" a fault, empty when it fits. Never names a value or an
-- unknown key, which could be a patient's. Knows the keywords that `migrate` lets through, no others.
CREATE FUNCTION "reconciler"."schema_faults"(rules jsonb, given jsonb, path text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  kind text := coalesce(jsonb_typeof(given), 'nothing');
  wanted text := rules ->> 'type';
  faults text[] := '{}';
  branch jsonb;
  property record;
BEGIN
  IF rules ? 'anyOf' THEN
    FOR branch IN SELECT jsonb_array_elements(rules -> 'anyOf') LOOP
      -- The shape that the constants point to is the one to explain.
      CONTINUE WHEN kind <> 'object' OR EXISTS (
        SELECT FROM jsonb_each(branch -> 'properties') p
        WHERE p.value ? 'const' AND given -> p.key IS DISTINCT FROM p.value -> 'const');
      RETURN reconciler.schema_faults(branch, given, path);
    END LOOP;
    RETURN ARRAY[path || ': has none of the allowed shapes'];
  END IF;
  IF kind <> (CASE wanted WHEN 'integer' THEN 'number' ELSE wanted END) THEN
    RETURN ARRAY[path || ': must be of type ' || wanted];
  END IF;
  IF rules ? 'const' AND given <> rules -> 'const' THEN
    RETURN ARRAY[path || ': must be ' || (rules ->> 'const')];
  END IF;
  IF rules ? 'enum' AND NOT rules -> 'enum' @> given THEN
    RETURN ARRAY[path || ': is none of the allowed values'];
  END IF;
  IF wanted = 'integer' AND (given::numeric <> trunc(given::numeric)
      OR given::numeric < (rules -> 'minimum')::numeric OR given::numeric > (rules -> 'maximum')::numeric) THEN
    RETURN ARRAY[format('%s: must be an integer from %s to %s', path, rules ->> 'minimum', rules ->> 'maximum')];
  END IF;
  IF wanted = 'string' AND rules ? 'pattern' AND (given #>> '{}') !~ (rules ->> 'pattern') THEN
    RETURN ARRAY[path || ': must match ' || (rules ->> 'pattern')];
  END IF;
  IF wanted <> 'object' THEN
    RETURN faults;
  END IF;
  FOR property IN SELECT p.key, p.value AS property_rules FROM jsonb_each(rules -> 'properties') p LOOP
    IF given ? property.key THEN
      faults := faults || reconciler.schema_faults(property.property_rules, given -> property.key, path || '.' || property.key);
    ELSIF rules -> 'required' ? property.key THEN
      faults := faults || (path || '.' || property.key || ': is required');
    END IF;
  END LOOP;
  IF EXISTS (SELECT FROM jsonb_object_keys(given) k WHERE NOT rules -> 'properties' ? k) THEN
    faults := faults || (path || ': has a key that is not allowed');
  END IF;
  RETURN faults;
END
$$;
--> statement-breakpoint
-- All that is wrong with a request, in the order of its fields.
CREATE FUNCTION "reconciler"."request_faults"(type text, subject bytea, payload jsonb, traceparent text) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  faults text[] := '{}';
  schema jsonb := (SELECT r.payload_schema FROM reconciler.request_types r WHERE r.type = request_faults.type);
BEGIN
  IF schema IS NULL THEN
    faults := faults || 'type: is none that can be requested'::text;
  END IF;
  IF octet_length(subject) IS DISTINCT FROM 32 THEN
    faults := faults || 'subject: must be 32 bytes, or as text 0x and 64 lower-case hex digits'::text;
  END IF;
  IF octet_length(payload::text) > 8192 THEN
    faults := faults || 'payload: must be at most 8192 bytes'::text;
  ELSIF coalesce(jsonb_typeof(payload), 'nothing') <> 'object' THEN
    faults := faults || 'payload: must be of type object'::text;
  ELSIF schema IS NOT NULL THEN
    faults := faults || reconciler.schema_faults(schema, payload, 'payload');
  END IF;
  IF traceparent !~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' THEN
    faults := faults || 'traceparent: must be a W3C trace context of version 00'::text;
  END IF;
  RETURN faults;
END
$$;
--> statement-breakpoint
-- `append` for a caller that already lets only one writer of a subject through at a time, as a trigger does that runs
-- under the row's lock: it takes no lock of its own. Otherwise positions can run against the order of commits.
CREATE FUNCTION "reconciler"."append_serialised"(
  type text, subject bytea, payload jsonb, traceparent text DEFAULT NULL, causation_id uuid DEFAULT NULL,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  faults text[] := reconciler.request_faults(type, subject, payload, traceparent);
BEGIN
  IF faults <> '{}' THEN
    RAISE EXCEPTION 'event refused: %', array_to_string(faults, '; ')
      USING ERRCODE = 'RC001', DETAIL = array_to_string(faults, E'\n');
  END IF;
  IF append_serialised.type = 'block-ip.requested' AND append_serialised.payload -> 'manual' = 'false' AND EXISTS (
      SELECT FROM reconciler.manual_blocks m WHERE m.subject = append_serialised.subject) THEN
    append_serialised.outcome := 'manual-block-stands';
    RETURN;
  END IF;
  INSERT INTO reconciler.outbox AS o (type, subject, payload, traceparent, causation_id)
    VALUES (append_serialised.type, append_serialised.subject, append_serialised.payload,
      append_serialised.traceparent, append_serialised.causation_id)
    RETURNING o.seq, o.event_id INTO append_serialised.seq, append_serialised.event_id;
  append_serialised.outcome := 'appended';
  IF append_serialised.type = 'block-ip.requested' AND append_serialised.payload -> 'manual' = 'true' THEN
    INSERT INTO reconciler.manual_blocks AS m (subject, seq)
      VALUES (append_serialised.subject, append_serialised.seq)
      ON CONFLICT (subject) DO UPDATE SET seq = excluded.seq;
  ELSIF append_serialised.type = 'unblock-ip.requested' THEN
    DELETE FROM reconciler.manual_blocks m WHERE m.subject = append_serialised.subject;
  END IF;
END
$$;
--> statement-breakpoint
-- Appends one request to the event log, in the caller's transaction: the application's way in, from any language.
-- One row: 'appended' with position and id, or 'manual-block-stands' for an automatic block of a subject that is
-- blocked by hand. Refused input raises RC001, with the faults in the message and one a line in the detail.
-- Takes the subject's lock until the transaction ends; whoever appends for several subjects does so in sorted order.
-- Runs with its owner's rights: an application's role needs USAGE on the schema and EXECUTE here, nothing on tables.
CREATE FUNCTION "reconciler"."append"(
  type text, subject bytea, payload jsonb, traceparent text DEFAULT NULL, causation_id uuid DEFAULT NULL,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- 64 bits: with fewer, two subjects would share a lock, and sorted subjects would not be sorted locks.
  PERFORM pg_advisory_xact_lock(hashtextextended(encode(subject, 'hex'), 1380137284));
  SELECT a.outcome, a.seq, a.event_id INTO outcome, seq, event_id
    FROM reconciler.append_serialised(type, subject, payload, traceparent, causation_id) a;
END
$$;
--> statement-breakpoint
-- The same with the subject as text, `0x` and 64 lower-case hex digits.
CREATE FUNCTION "reconciler"."append"(
  type text, subject text, payload jsonb, traceparent text DEFAULT NULL, causation_id uuid DEFAULT NULL,
  OUT outcome text, OUT seq bigint, OUT event_id uuid
) LANGUAGE sql VOLATILE AS $$
  SELECT * FROM reconciler.append(
    type, CASE WHEN subject ~ '^0x[0-9a-f]{64}$' THEN decode(substr(subject, 3), 'hex') END, payload, traceparent,
    causation_id)
$$;
--> statement-breakpoint
-- Results, expiries and removals: facts of this system, in the transaction of the state change they tell of. No subject
-- lock: their request came before them, and one lane or one projector keeps their order.
CREATE FUNCTION "reconciler"."append_internal"(
  type text, subject bytea, payload jsonb, causation uuid, traceparent text,
  OUT seq bigint, OUT event_id uuid, OUT occurred_at timestamptz
) LANGUAGE sql VOLATILE AS $$
  INSERT INTO reconciler.outbox AS o (type, subject, payload, causation_id, traceparent)
  VALUES (append_internal.type, append_internal.subject, append_internal.payload, append_internal.causation,
    append_internal.traceparent)
  RETURNING o.seq, o.event_id, o.occurred_at
$$;
