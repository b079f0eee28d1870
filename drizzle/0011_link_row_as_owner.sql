-- As `append` does: the app's role needs no right on the tables, only USAGE on the schema.
ALTER FUNCTION "reconciler"."link_row"(bytea, text, bigint, bigint) SECURITY DEFINER SET search_path = pg_catalog, pg_temp
