-- Which row of the app's tables a subject stands for, and the operation that row now tells of; called in the
-- transaction that writes the row and appends the operation, after both. An older operation never takes a newer one's
-- place. STRICT: nothing happens without a position, which is what `append` gives when it wrote nothing.
CREATE FUNCTION "reconciler"."link_row"(subject bytea, table_name text, row_id bigint, seq bigint)
RETURNS void LANGUAGE sql VOLATILE STRICT AS $$
  INSERT INTO reconciler.app_rows AS r (table_name, subject, row_id, seq)
  VALUES (link_row.table_name, link_row.subject, link_row.row_id, link_row.seq)
  ON CONFLICT (table_name, subject) DO UPDATE SET row_id = excluded.row_id, seq = excluded.seq
  WHERE r.seq < excluded.seq
$$;
