CREATE TABLE "reconciler"."capture_settings" (
	"singleton" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"hashing" text NOT NULL,
	"patient_key" text,
	"inner_pad" "bytea",
	"outer_pad" "bytea",
	"installed_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "capture_settings_one_row" CHECK ("reconciler"."capture_settings"."singleton"),
	CONSTRAINT "capture_settings_hashing" CHECK (case "reconciler"."capture_settings"."hashing"
        when 'hmac' then octet_length("reconciler"."capture_settings"."inner_pad") = 64 and octet_length("reconciler"."capture_settings"."outer_pad") = 64 and "reconciler"."capture_settings"."patient_key" is null
        when 'as-stored' then "reconciler"."capture_settings"."patient_key" in ('view', 'sync') and "reconciler"."capture_settings"."inner_pad" is null and "reconciler"."capture_settings"."outer_pad" is null
        else false end)
);
--> statement-breakpoint
ALTER TABLE "reconciler"."dead_letters" ADD COLUMN "app_table" text;--> statement-breakpoint
ALTER TABLE "reconciler"."dead_letters" ADD COLUMN "app_row_id" bigint;--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letters_app_row" ON "reconciler"."dead_letters" USING btree ("source","app_table","app_row_id") WHERE "reconciler"."dead_letters"."app_row_id" is not null;
--> statement-breakpoint
-- Capture: what the app writes into its own tables becomes events, in the app's own transaction. `reconciler capture
-- install` puts triggers on the tables that call these functions. Rules:
-- 1. Nothing here fails the app's transaction because of what a row holds: such a row is set aside, by its id. Other
--    errors, a lock that was not given or a cancelled statement, are raised: swallowed, they would lose the event.
-- 2. Columns are read by name from the row as JSON. A trigger or a function that named them would forbid the app's
--    migrations to alter them, and one that it renamed would fail its transactions.
-- 3. No advisory lock: writers of one subject stand behind the app's own row lock or unique key.

-- One of the app's rows, as far as it is understood; `faults` are the names of the columns that are not.
-- `subject` is null for a patient who has no blockchain_id yet.
CREATE TYPE "reconciler"."captured_row" AS (
  row_id bigint, subject bytea, expires_at timestamptz, reason text, manual boolean, severity integer, faults text[]
);
--> statement-breakpoint
-- Keccak-256 of at most 135 bytes (one block of its sponge), as the app's Web3.keccak, which is not the SHA3-256 of the
-- standard. Lanes are bigints, little-endian. Rotations and round constants are those of the Keccak reference.
CREATE FUNCTION "reconciler"."keccak256"(message bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  rounds CONSTANT bigint[] := '{1,32898,-9223372036854742902,-9223372034707259392,32907,2147483649,-9223372034707259263,
    -9223372036854743031,138,136,2147516425,2147483658,2147516555,-9223372036854775669,-9223372036854742903,
    -9223372036854743037,-9223372036854743038,-9223372036854775680,32778,-9223372034707292150,-9223372034707259263,
    -9223372036854742912,2147483649,-9223372034707259384}';
  -- Where the lane that is moved next goes, and by how much it is rotated.
  places CONSTANT int[] := '{10,7,11,17,18,3,5,16,8,21,24,4,15,23,19,13,12,2,20,14,22,9,6,1}';
  turns CONSTANT int[] := '{1,3,6,10,15,21,28,36,45,55,2,14,27,41,56,8,25,43,62,18,39,61,20,44}';
  padded bytea := message || decode(repeat('00', 136 - length(message)), 'hex');
  a bigint[] := array_fill(0::bigint, ARRAY[25], ARRAY[0]);
  c bigint[] := array_fill(0::bigint, ARRAY[5], ARRAY[0]);
  lane bigint;
  moved bigint;
  digest bytea := '';
BEGIN
  padded := set_byte(padded, length(message), 1);
  padded := set_byte(padded, 135, get_byte(padded, 135) | 128);
  FOR i IN 0..16 LOOP
    lane := 0;
    FOR j IN REVERSE 7..0 LOOP
      lane := (lane << 8) | get_byte(padded, i * 8 + j);
    END LOOP;
    a[i] := lane;
  END LOOP;
  FOR r IN 1..24 LOOP
    FOR x IN 0..4 LOOP
      c[x] := a[x] # a[x + 5] # a[x + 10] # a[x + 15] # a[x + 20];
    END LOOP;
    FOR x IN 0..4 LOOP
      lane := c[(x + 1) % 5];
      lane := c[(x + 4) % 5] # ((lane << 1) | ((lane >> 63) & 1));
      a[x] := a[x] # lane;
      a[x + 5] := a[x + 5] # lane;
      a[x + 10] := a[x + 10] # lane;
      a[x + 15] := a[x + 15] # lane;
      a[x + 20] := a[x + 20] # lane;
    END LOOP;
    lane := a[1];
    FOR i IN 1..24 LOOP
      moved := a[places[i]];
      a[places[i]] := (lane << turns[i]) | ((lane >> (64 - turns[i])) & ((1::bigint << turns[i]) - 1));
      lane := moved;
    END LOOP;
    FOR y IN 0..4 LOOP
      FOR x IN 0..4 LOOP
        c[x] := a[5 * y + x];
      END LOOP;
      FOR x IN 0..4 LOOP
        a[5 * y + x] := c[x] # (~c[(x + 1) % 5] & c[(x + 2) % 5]);
      END LOOP;
    END LOOP;
    a[0] := a[0] # rounds[r];
  END LOOP;
  FOR i IN 0..3 LOOP
    FOR j IN 0..7 LOOP
      digest := digest || set_byte('\x00', 0, ((a[i] >> (8 * j)) & 255)::int);
    END LOOP;
  END LOOP;
  RETURN digest;
END
$$;
--> statement-breakpoint
-- Whether the columns are there and did not change. Said first of all, so that setting a flag costs next to nothing.
CREATE FUNCTION "reconciler"."unchanged"(was jsonb, becomes jsonb, columns text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT becomes ?& columns AND NOT EXISTS (SELECT FROM unnest(columns) c WHERE was -> c IS DISTINCT FROM becomes -> c)
$$;
--> statement-breakpoint
-- The subject of a thing, as `capture install` was told to make it; null where it cannot be made.
-- hmac: HMAC-SHA-256 (RFC 2104) over kind, a zero byte and the identifier in its one spelling; the two pads are the key's.
-- as-stored: the app's own hash, never computed anew from the address, of which the app hashes another spelling.
-- Of a patient the app has two, and one setting says which: `view` hashes the text of blockchain_id, `sync` takes its bytes.
CREATE FUNCTION "reconciler"."captured_subject"(
  settings reconciler.capture_settings, kind text, identifier text, stored text
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN settings.hashing = 'hmac' THEN sha256(settings.outer_pad || sha256(
      settings.inner_pad || convert_to(kind, 'UTF8') || '\x00' || convert_to(identifier, 'UTF8')))
    WHEN settings.hashing <> 'as-stored' OR stored !~ '^(0x)?[0-9a-fA-F]{64}$' THEN NULL
    WHEN kind = 'patient' AND settings.patient_key = 'view' THEN reconciler.keccak256(convert_to(stored, 'UTF8'))
    ELSE decode(right(stored, 64), 'hex')
  END
$$;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."captured_row_id"(app_row jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN app_row ->> 'id' ~ '^[0-9]{1,18}$' THEN (app_row ->> 'id')::bigint END
$$;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."read_patient"(app_row jsonb) RETURNS reconciler.captured_row
LANGUAGE plpgsql STABLE AS $$
DECLARE
  settings reconciler.capture_settings := (SELECT s FROM reconciler.capture_settings s);
  given text := app_row ->> 'blockchain_id';
  patient reconciler.captured_row;
BEGIN
  patient.row_id := reconciler.captured_row_id(app_row);
  IF given <> '' AND given ~ '^0x[0-9a-fA-F]{64}$' THEN
    patient.subject := reconciler.captured_subject(settings, 'patient', lower(given), given);
  END IF;
  patient.faults := CASE WHEN patient.row_id IS NULL THEN '{id}' ELSE '{}' END;
  IF NOT app_row ? 'blockchain_id' OR (given <> '' AND patient.subject IS NULL) THEN
    patient.faults := patient.faults || '{blockchain_id}'::text[];
  END IF;
  RETURN patient;
END
$$;
--> statement-breakpoint
-- A manual block has an expiry in the app's table, which means nothing: only that of an automatic one must be usable.
CREATE FUNCTION "reconciler"."read_block"(app_row jsonb) RETURNS reconciler.captured_row
LANGUAGE plpgsql STABLE AS $$
DECLARE
  settings reconciler.capture_settings := (SELECT s FROM reconciler.capture_settings s);
  block reconciler.captured_row;
BEGIN
  block.row_id := reconciler.captured_row_id(app_row);
  block.reason := app_row ->> 'reason';
  block.manual := CASE app_row -> 'is_manual' WHEN 'true' THEN true WHEN 'false' THEN false END;
  IF settings.hashing <> 'hmac' OR app_row ->> 'ip_address' ~ '^[0-9a-f:.]+$' THEN
    block.subject := reconciler.captured_subject(
      settings, 'ip-address', app_row ->> 'ip_address', app_row ->> 'ip_hash');
  END IF;
  BEGIN
    block.expires_at := (app_row ->> 'expiry_time')::timestamptz;
  EXCEPTION WHEN data_exception THEN
    block.expires_at := NULL;
  END;
  block.faults := CASE WHEN block.row_id IS NULL THEN '{id}' ELSE '{}' END;
  IF block.subject IS NULL THEN
    block.faults := block.faults || CASE settings.hashing WHEN 'as-stored' THEN '{ip_hash}' ELSE '{ip_address}' END::text[];
  END IF;
  IF block.manual IS NULL THEN
    block.faults := block.faults || '{is_manual}'::text[];
  END IF;
  IF block.expires_at IS NULL
      OR NOT block.manual AND (NOT isfinite(block.expires_at) OR block.expires_at > '36000-01-01') THEN
    block.faults := block.faults || '{expiry_time}'::text[];
  END IF;
  RETURN block;
END
$$;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."read_signature"(app_row jsonb) RETURNS reconciler.captured_row
LANGUAGE plpgsql STABLE AS $$
DECLARE
  settings reconciler.capture_settings := (SELECT s FROM reconciler.capture_settings s);
  given text := app_row ->> 'pattern_hash';
  signature reconciler.captured_row;
BEGIN
  signature.row_id := reconciler.captured_row_id(app_row);
  IF given ~ '^(0x)?[0-9a-fA-F]{64}$' THEN
    signature.subject := reconciler.captured_subject(settings, 'attack-pattern', lower(right(given, 64)), given);
  END IF;
  signature.severity := CASE WHEN app_row ->> 'severity' ~ '^([1-9]|10)$' THEN (app_row ->> 'severity')::integer END;
  signature.faults := CASE WHEN signature.row_id IS NULL THEN '{id}' ELSE '{}' END;
  IF signature.subject IS NULL THEN
    signature.faults := signature.faults || '{pattern_hash}'::text[];
  END IF;
  IF signature.severity IS NULL THEN
    signature.faults := signature.faults || '{severity}'::text[];
  END IF;
  RETURN signature;
END
$$;
--> statement-breakpoint
-- What a change of a block's row asks for: 'block' (automatic, until its expiry), 'block-by-hand', 'unblock',
-- 'unblock-block', or 'nothing'. `manual_stands`: a manual block of the address is in force, whatever the row's expiry.
-- An app's clock that is ahead of the database's by up to 5 minutes is followed: its "now" is a little later than ours.
CREATE FUNCTION "reconciler"."block_change"(
  was reconciler.captured_row, becomes reconciler.captured_row, manual_stands boolean, moment timestamptz
) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  soon timestamptz := moment + interval '5 minutes';
  is_lowered boolean := becomes.expires_at < was.expires_at;
  same_reason boolean := becomes.reason IS NOT DISTINCT FROM was.reason;
BEGIN
  IF was.row_id IS NULL THEN
    RETURN CASE WHEN becomes.manual THEN 'block-by-hand' ELSE 'block' END;
  ELSIF becomes.row_id IS NULL THEN
    -- The app's cleanup, and ours, delete what is over; a manual block must not end by that.
    RETURN CASE WHEN was.expires_at > soon THEN 'unblock' ELSE 'nothing' END;
  ELSIF was.manual AND NOT becomes.manual THEN
    RETURN CASE WHEN becomes.expires_at > moment THEN 'unblock-block' ELSE 'unblock' END;
  ELSIF is_lowered AND same_reason AND becomes.expires_at <= soon THEN
    RETURN 'unblock';
  ELSIF NOT was.manual AND becomes.manual THEN
    RETURN 'block-by-hand';
  ELSIF becomes.manual THEN
    -- An attack sets expiry and reason of a manual block's row as of any other.
    RETURN CASE WHEN manual_stands OR becomes.expires_at = was.expires_at THEN 'nothing'
      WHEN becomes.reason LIKE 'Auto-blocked:%' OR is_lowered THEN 'block' ELSE 'block-by-hand' END;
  ELSIF is_lowered AND becomes.expires_at <= moment THEN
    RETURN 'unblock';
  END IF;
  -- The chain knows whole seconds.
  RETURN CASE WHEN ceil(extract(epoch FROM becomes.expires_at)) = ceil(extract(epoch FROM was.expires_at))
    THEN 'nothing' ELSE 'block' END;
END
$$;
--> statement-breakpoint
-- Sets a row aside, by its id and the names of the columns. Again: the same letter, open once more.
CREATE FUNCTION "reconciler"."capture_letter"(app_table text, app_row_id bigint, reason text, fields text[])
RETURNS void LANGUAGE sql VOLATILE AS $$
  INSERT INTO reconciler.dead_letters AS d (source, reason, app_table, app_row_id, fields)
  VALUES ('capture', capture_letter.reason, capture_letter.app_table, capture_letter.app_row_id, capture_letter.fields)
  ON CONFLICT (source, app_table, app_row_id) WHERE app_row_id IS NOT NULL DO UPDATE
  SET reason = excluded.reason, fields = excluded.fields, state = 'open', attempts = d.attempts + 1,
    changed_at = now(), discarded_by = NULL, discard_reason = NULL
$$;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."capture_unreadable"(app_table text, app_row reconciler.captured_row)
RETURNS void LANGUAGE sql VOLATILE AS $$
  SELECT reconciler.capture_letter(app_table, app_row.row_id,
    CASE WHEN EXISTS (SELECT FROM reconciler.capture_settings) THEN 'unreadable-row' ELSE 'capture-not-set-up' END,
    app_row.faults)
$$;
--> statement-breakpoint
-- Appends what was read from a row, and links the row where its flags are to tell of it. The payload is made by these
-- functions from what they understood, so it is not checked again: the check costs more than all the rest. True, so that
-- it is called by assignment, which costs plpgsql a third of PERFORM.
CREATE FUNCTION "reconciler"."capture_request"(
  app_table text, app_row reconciler.captured_row, type text, payload jsonb, links boolean
) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  written record;
BEGIN
  written := reconciler.write_request(type, app_row.subject, payload, NULL, NULL, false);
  IF links AND written.outcome = 'appended' THEN
    INSERT INTO reconciler.app_rows AS r (table_name, subject, row_id, seq)
      VALUES (app_table, app_row.subject, app_row.row_id, written.seq)
      ON CONFLICT (table_name, subject) DO UPDATE SET row_id = excluded.row_id, seq = excluded.seq
      WHERE r.seq < excluded.seq;
  END IF;
  RETURN true;
END
$$;
--> statement-breakpoint
-- A row that is understood again, or gone, needs nobody any more.
CREATE FUNCTION "reconciler"."capture_settled"(app_table text, app_row_id bigint) RETURNS void LANGUAGE sql VOLATILE AS $$
  UPDATE reconciler.dead_letters d SET state = 'resolved', changed_at = now()
  WHERE d.source = 'capture' AND d.app_table = capture_settled.app_table AND d.app_row_id = capture_settled.app_row_id
    AND d.state IN ('open', 'requeued')
$$;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."capture_gone"(app_table text, app_row reconciler.captured_row)
RETURNS void LANGUAGE sql VOLATILE AS $$
  DELETE FROM reconciler.app_rows r
  WHERE r.table_name = app_table AND r.subject = app_row.subject AND r.row_id = app_row.row_id
$$;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."capture_patient"() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old_row jsonb;
  new_row jsonb;
  was reconciler.captured_row;
  becomes reconciler.captured_row;
  done boolean;
BEGIN
  IF TG_OP <> 'INSERT' THEN
    old_row := to_jsonb(OLD);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    new_row := to_jsonb(NEW);
  END IF;
  IF TG_OP = 'UPDATE' AND reconciler.unchanged(old_row, new_row, '{id,blockchain_id}') THEN
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    was := reconciler.read_patient(old_row);
  END IF;
  IF TG_OP = 'DELETE' THEN
    PERFORM reconciler.capture_settled('core_patient', was.row_id);
  ELSE
    becomes := reconciler.read_patient(new_row);
    IF becomes.faults <> '{}' THEN
      PERFORM reconciler.capture_unreadable('core_patient', becomes);
      RETURN NULL;
    END IF;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    PERFORM reconciler.capture_settled('core_patient', becomes.row_id);
  END IF;
  IF was.subject IS NOT NULL AND was.subject IS DISTINCT FROM becomes.subject THEN
    done := reconciler.capture_request('core_patient', was, 'deactivate-patient.requested', '{}', false);
    PERFORM reconciler.capture_gone('core_patient', was);
  END IF;
  IF becomes.subject IS NOT NULL AND was.subject IS DISTINCT FROM becomes.subject THEN
    done := reconciler.capture_request('core_patient', becomes, 'register-patient.requested', '{}', true);
  END IF;
  RETURN NULL;
END
$$;
--> statement-breakpoint
-- One step of a block's row, both sides understood, of one address; or only one side.
CREATE FUNCTION "reconciler"."capture_block_step"(
  app_table text, was reconciler.captured_row, becomes reconciler.captured_row
) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  moment timestamptz := clock_timestamp();
  about bytea := coalesce(becomes.subject, was.subject);
  is_unseen boolean := false;
  stands boolean := false;
  change text;
  done boolean;
BEGIN
  IF was.manual AND becomes.manual THEN
    -- A row from before capture, until backfill has come to it: its manual block stands as far as anyone knows.
    is_unseen := NOT EXISTS (
      SELECT FROM reconciler.app_rows r WHERE r.table_name = app_table AND r.row_id = becomes.row_id);
    stands := is_unseen OR EXISTS (SELECT FROM reconciler.manual_blocks m WHERE m.subject = about);
  END IF;
  change := reconciler.block_change(was, becomes, stands, moment);
  IF is_unseen AND change = 'nothing' AND was.expires_at > moment AND becomes.expires_at <> was.expires_at THEN
    change := 'block-by-hand';
  END IF;
  IF change LIKE 'unblock%' THEN
    done := reconciler.capture_request(app_table, CASE WHEN becomes.row_id IS NULL THEN was ELSE becomes END,
      'unblock-ip.requested', '{}', false);
  END IF;
  IF change = 'block-by-hand' THEN
    done := reconciler.capture_request(app_table, becomes, 'block-ip.requested', '{"manual": true}', true);
  ELSIF change IN ('block', 'unblock-block') THEN
    done := reconciler.capture_request(app_table, becomes, 'block-ip.requested', jsonb_build_object(
      'manual', false, 'expiresAt', greatest(1, ceil(extract(epoch FROM becomes.expires_at))::bigint)), true);
  END IF;
  RETURN true;
END
$$;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."capture_block"() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old_row jsonb;
  new_row jsonb;
  was reconciler.captured_row;
  becomes reconciler.captured_row;
  no_row reconciler.captured_row;
  done boolean;
BEGIN
  IF TG_OP <> 'INSERT' THEN
    old_row := to_jsonb(OLD);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    new_row := to_jsonb(NEW);
  END IF;
  IF TG_OP = 'UPDATE'
      AND reconciler.unchanged(old_row, new_row, '{id,ip_address,ip_hash,expiry_time,is_manual}') THEN
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    was := reconciler.read_block(old_row);
    -- What could not be read was set aside when it came, and nothing is on the chain of it.
    IF was.faults <> '{}' THEN
      PERFORM reconciler.capture_settled('firewall_blockedip', was.row_id);
      was := no_row;
    END IF;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    becomes := reconciler.read_block(new_row);
    IF becomes.faults <> '{}' THEN
      PERFORM reconciler.capture_unreadable('firewall_blockedip', becomes);
      RETURN NULL;
    END IF;
  END IF;
  IF was.subject <> becomes.subject THEN
    done := reconciler.capture_block_step('firewall_blockedip', was, no_row);
    PERFORM reconciler.capture_gone('firewall_blockedip', was);
    was := no_row;
  END IF;
  IF was.row_id IS NOT NULL OR becomes.row_id IS NOT NULL THEN
    done := reconciler.capture_block_step('firewall_blockedip', was, becomes);
  END IF;
  IF TG_OP = 'DELETE' THEN
    PERFORM reconciler.capture_gone('firewall_blockedip', was);
  END IF;
  RETURN NULL;
END
$$;
--> statement-breakpoint
-- There is no way to take a signature back on the chain: a deleted row is only forgotten.
CREATE FUNCTION "reconciler"."capture_signature"() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_row jsonb;
  given reconciler.captured_row;
  done boolean;
BEGIN
  IF TG_OP = 'DELETE' THEN
    given := reconciler.read_signature(to_jsonb(OLD));
    PERFORM reconciler.capture_settled('firewall_attackpattern', given.row_id);
    PERFORM reconciler.capture_gone('firewall_attackpattern', given);
    RETURN NULL;
  END IF;
  new_row := to_jsonb(NEW);
  IF TG_OP = 'UPDATE' AND reconciler.unchanged(to_jsonb(OLD), new_row, '{id,pattern_hash,severity}') THEN
    RETURN NULL;
  END IF;
  given := reconciler.read_signature(new_row);
  IF given.faults <> '{}' THEN
    PERFORM reconciler.capture_unreadable('firewall_attackpattern', given);
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    PERFORM reconciler.capture_settled('firewall_attackpattern', given.row_id);
  END IF;
  done := reconciler.capture_request('firewall_attackpattern', given, 'add-attack-signature.requested',
    jsonb_build_object('severity', given.severity), true);
  RETURN NULL;
END
$$;
--> statement-breakpoint
-- TRUNCATE tells of no rows: a person has to look.
CREATE FUNCTION "reconciler"."capture_truncate"() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM reconciler.capture_letter(TG_TABLE_NAME, NULL, 'table-truncated', '{}');
  RETURN NULL;
END
$$;
--> statement-breakpoint
-- Who may put such a trigger on a table of its own could write events of any subject.
REVOKE ALL ON FUNCTION "reconciler"."capture_patient"(), "reconciler"."capture_block"(),
  "reconciler"."capture_signature"(), "reconciler"."capture_truncate"() FROM PUBLIC;
--> statement-breakpoint
-- Holds what the subjects' key is made of: nobody but the owner.
REVOKE ALL ON TABLE "reconciler"."capture_settings" FROM PUBLIC;
