-- As before, but nothing without settings: a stored hash used as it is, unasked for, would be on the chain for ever.
CREATE OR REPLACE FUNCTION "reconciler"."captured_subject"(
  settings reconciler.capture_settings, kind text, identifier text, stored text
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE settings.hashing
    WHEN 'hmac' THEN sha256(settings.outer_pad || sha256(
      settings.inner_pad || convert_to(kind, 'UTF8') || '\x00' || convert_to(identifier, 'UTF8')))
    WHEN 'as-stored' THEN CASE
      WHEN stored !~ '^(0x)?[0-9a-fA-F]{64}$' THEN NULL
      WHEN kind = 'patient' AND settings.patient_key = 'view' THEN reconciler.keccak256(convert_to(stored, 'UTF8'))
      ELSE decode(right(stored, 64), 'hex')
    END
  END
$$;
