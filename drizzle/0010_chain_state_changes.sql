-- The state machines of the chain writer, kept by the database: a bug, or a person with psql, cannot take a step that the
-- process never takes. The conditions are in WHEN, so that an allowed change does not even call the function.
CREATE FUNCTION "reconciler"."refuse_state_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%: a change from % to % is not allowed', TG_TABLE_NAME, OLD.state, NEW.state USING ERRCODE = 'RC010';
END
$$;
--> statement-breakpoint
CREATE FUNCTION "reconciler"."refuse_rewrite"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%: what was asked, reserved or signed cannot be changed or deleted', TG_TABLE_NAME USING ERRCODE = 'RC011';
END
$$;
--> statement-breakpoint
CREATE TRIGGER "chain_operations_state_change" BEFORE UPDATE OF state ON "reconciler"."chain_operations" FOR EACH ROW
  WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
    ('pending', 'claimed'), ('claimed', 'pending'), ('claimed', 'included'),
    ('included', 'claimed'), ('included', 'pending'), ('included', 'final')))
  EXECUTE FUNCTION "reconciler"."refuse_state_change"();
--> statement-breakpoint
CREATE TRIGGER "chain_transactions_state_change" BEFORE UPDATE OF state ON "reconciler"."chain_transactions" FOR EACH ROW
  WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
    ('reserved', 'signed'), ('signed', 'sent'), ('sent', 'included'), ('sent', 'reverted'), ('sent', 'lost'),
    ('included', 'sent'), ('included', 'confirmed')))
  EXECUTE FUNCTION "reconciler"."refuse_state_change"();
--> statement-breakpoint
CREATE TRIGGER "chain_attempts_state_change" BEFORE UPDATE OF state ON "reconciler"."chain_attempts" FOR EACH ROW
  WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
    ('signed', 'sent'), ('signed', 'refused'), ('sent', 'refused'), ('refused', 'sent')))
  EXECUTE FUNCTION "reconciler"."refuse_state_change"();
--> statement-breakpoint
CREATE TRIGGER "chain_operations_stay" BEFORE UPDATE OF event_id, position, type, kind, subject, word
  ON "reconciler"."chain_operations" FOR EACH ROW EXECUTE FUNCTION "reconciler"."refuse_rewrite"();
--> statement-breakpoint
CREATE TRIGGER "chain_transactions_stay" BEFORE UPDATE OF id, lane, nonce, type, contract
  ON "reconciler"."chain_transactions" FOR EACH ROW EXECUTE FUNCTION "reconciler"."refuse_rewrite"();
--> statement-breakpoint
CREATE TRIGGER "chain_attempts_stay" BEFORE UPDATE OF hash, transaction_id, number, records, raw, gas_limit
  ON "reconciler"."chain_attempts" FOR EACH ROW EXECUTE FUNCTION "reconciler"."refuse_rewrite"();
--> statement-breakpoint
CREATE TRIGGER "chain_attempts_are_kept" BEFORE DELETE
  ON "reconciler"."chain_attempts" FOR EACH ROW EXECUTE FUNCTION "reconciler"."refuse_rewrite"();
