-- One role a part, to be granted to logins: who runs one part needs no rights of another's. Roles belong to the cluster,
-- so they may be there from another database, and a login without CREATEROLE cannot make them: `migrate` says which are
-- missing, and gives the rights to those that are there each time it runs.
CREATE FUNCTION "reconciler"."roles"() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT ARRAY['reconciler_app', 'reconciler_relay', 'reconciler_writer', 'reconciler_projector', 'reconciler_operator']
$$;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."create_roles"() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY reconciler.roles() LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = name);
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
      -- Not ours to make, or made by another database's migration this moment.
      NULL;
    END;
  END LOOP;
END
$$;
--> statement-breakpoint
-- Gives each role what its part writes, and everybody but the app the reading of all but the subjects' key. Rights given
-- before are taken back first, so that a release that needs less gives less. Answers with the roles that are missing.
CREATE FUNCTION "reconciler"."grant_rights"() RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  name text;
  wanted record;
BEGIN
  FOREACH name IN ARRAY reconciler.roles() LOOP
    CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA reconciler FROM %I', name);
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA reconciler FROM %I', name);
    EXECUTE format('GRANT USAGE ON SCHEMA reconciler TO %I', name);
    CONTINUE WHEN name = 'reconciler_app';
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA reconciler TO %I', name);
    EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA reconciler TO %I', name);
    EXECUTE format('REVOKE ALL ON reconciler.capture_settings FROM %I', name);
  END LOOP;
  FOR wanted IN
    SELECT g.role, g.rights, g.kind, object.oid::regclass AS object
    FROM (VALUES
      ('reconciler_relay', 'INSERT, UPDATE', 'TABLE', '^(relay_cursor|dead_letters)$'),
      ('reconciler_relay', 'INSERT, UPDATE, DELETE', 'TABLE', '^(bus_findings|consumer_offsets)$'),
      ('reconciler_relay', 'UPDATE', 'SEQUENCE', '^relay_awaits_news_until$'),
      ('reconciler_writer', 'INSERT', 'TABLE', '^outbox$'),
      ('reconciler_writer', 'INSERT, UPDATE, DELETE', 'TABLE',
        '^(chain_.*|consumer_offsets|dead_letters|bus_findings)$'),
      ('reconciler_writer', 'UPDATE', 'SEQUENCE', '^outbox_(position|aim)$'),
      ('reconciler_projector', 'INSERT', 'TABLE', '^outbox$'),
      ('reconciler_projector', 'INSERT, UPDATE, DELETE', 'TABLE',
        '^(operation_views|write_backs|app_rows|consumer_offsets|dead_letters|bus_findings)$'),
      ('reconciler_projector', 'UPDATE', 'SEQUENCE', '^outbox_(position|aim)$')
    ) g (role, rights, kind, objects)
    JOIN pg_roles r ON r.rolname = g.role
    JOIN pg_class object ON object.relnamespace = 'reconciler'::regnamespace AND object.relname ~ g.objects
      AND object.relkind = ANY (CASE g.kind WHEN 'TABLE' THEN '{r,p}' ELSE '{S}' END::"char"[])
  LOOP
    EXECUTE format('GRANT %s ON %s %s TO %I', wanted.rights, wanted.kind, wanted.object, wanted.role);
  END LOOP;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'reconciler_relay') THEN
    GRANT EXECUTE ON FUNCTION reconciler.ensure_partitions(integer) TO reconciler_relay;
  END IF;
  RETURN ARRAY(SELECT r FROM unnest(reconciler.roles()) r WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r));
END
$$;
--> statement-breakpoint
SELECT reconciler.create_roles();
--> statement-breakpoint
-- The relay's process makes the days ahead, and attaching a partition takes its owner's rights.
ALTER FUNCTION "reconciler"."ensure_partitions"(integer) SECURITY DEFINER;
--> statement-breakpoint
ALTER FUNCTION "reconciler"."ensure_partitions"(integer) SET search_path = pg_catalog, pg_temp;
--> statement-breakpoint
REVOKE ALL ON FUNCTION "reconciler"."ensure_partitions"(integer) FROM PUBLIC;
