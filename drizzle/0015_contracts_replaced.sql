CREATE TABLE "reconciler"."chain_deployments" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "reconciler"."chain_deployments_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"genesis_hash" "bytea" NOT NULL,
	"patient" "bytea",
	"ip_block" "bytea",
	"attack_signature" "bytea",
	"state" text NOT NULL,
	"planned_at" timestamp with time zone,
	"rounds" integer DEFAULT 0 NOT NULL,
	"begun_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"active_at" timestamp with time zone,
	CONSTRAINT "chain_deployments_state" CHECK ("reconciler"."chain_deployments"."state" in ('rebuilding', 'active', 'retired', 'abandoned')),
	CONSTRAINT "chain_deployments_addresses" CHECK (("reconciler"."chain_deployments"."patient" is null) = ("reconciler"."chain_deployments"."ip_block" is null)
        and ("reconciler"."chain_deployments"."patient" is null) = ("reconciler"."chain_deployments"."attack_signature" is null)
        and ("reconciler"."chain_deployments"."state" not in ('active', 'retired') or "reconciler"."chain_deployments"."patient" is not null)),
	CONSTRAINT "chain_deployments_active" CHECK (("reconciler"."chain_deployments"."state" in ('active', 'retired')) = ("reconciler"."chain_deployments"."active_at" is not null))
);
--> statement-breakpoint
CREATE TABLE "reconciler"."chain_rebuild_subjects" (
	"deployment_id" bigint NOT NULL,
	"subject" "bytea" NOT NULL,
	"type" text NOT NULL,
	"kind" text NOT NULL,
	"version" bigint NOT NULL,
	"word" "bytea" NOT NULL,
	"ended" boolean NOT NULL,
	CONSTRAINT "chain_rebuild_subjects_deployment_id_subject_pk" PRIMARY KEY("deployment_id","subject"),
	CONSTRAINT "chain_rebuild_subjects_subject_is_32_bytes" CHECK (octet_length("reconciler"."chain_rebuild_subjects"."subject") = 32),
	CONSTRAINT "chain_rebuild_subjects_word_is_32_bytes" CHECK (octet_length("reconciler"."chain_rebuild_subjects"."word") = 32)
);
--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transactions" DROP CONSTRAINT "chain_transactions_lane_nonce";--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transactions" DROP CONSTRAINT "chain_transactions_state";--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transactions" DROP CONSTRAINT "chain_transactions_settled";--> statement-breakpoint
DROP INDEX "reconciler"."chain_transactions_confirmed";--> statement-breakpoint
ALTER TABLE "reconciler"."chain_attempts" DROP CONSTRAINT "chain_attempts_pkey";--> statement-breakpoint
ALTER TABLE "reconciler"."chain_attempts" ADD CONSTRAINT "chain_attempts_hash_transaction_id_pk" PRIMARY KEY("hash","transaction_id");--> statement-breakpoint
ALTER TABLE "reconciler"."chain_operations" ADD COLUMN "rebuild" bigint;--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transactions" ADD COLUMN "genesis_hash" "bytea";--> statement-breakpoint
-- Until now a lane never left its chain.
UPDATE "reconciler"."chain_transactions" t SET "genesis_hash" = l."genesis_hash"
  FROM "reconciler"."chain_lanes" l WHERE l."address" = t."lane";--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transactions" ALTER COLUMN "genesis_hash" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "reconciler"."chain_rebuild_subjects" ADD CONSTRAINT "chain_rebuild_subjects_deployment_id_chain_deployments_id_fk" FOREIGN KEY ("deployment_id") REFERENCES "reconciler"."chain_deployments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "chain_deployments_one_active" ON "reconciler"."chain_deployments" USING btree ("state") WHERE "reconciler"."chain_deployments"."state" = 'active';--> statement-breakpoint
CREATE UNIQUE INDEX "chain_deployments_one_rebuilding" ON "reconciler"."chain_deployments" USING btree ("state") WHERE "reconciler"."chain_deployments"."state" = 'rebuilding';--> statement-breakpoint
ALTER TABLE "reconciler"."chain_operations" ADD CONSTRAINT "chain_operations_rebuild_chain_deployments_id_fk" FOREIGN KEY ("rebuild") REFERENCES "reconciler"."chain_deployments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "chain_operations_unfinished_of_rebuild" ON "reconciler"."chain_operations" USING btree ("rebuild") WHERE "reconciler"."chain_operations"."rebuild" is not null and "reconciler"."chain_operations"."state" <> 'final';--> statement-breakpoint
CREATE INDEX "chain_transactions_confirmed" ON "reconciler"."chain_transactions" USING btree ("lane","genesis_hash","nonce") WHERE "reconciler"."chain_transactions"."state" = 'confirmed' and "reconciler"."chain_transactions"."contradicted_at" is null;--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transactions" ADD CONSTRAINT "chain_transactions_lane_nonce" UNIQUE("lane","genesis_hash","nonce");--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transactions" ADD CONSTRAINT "chain_transactions_state" CHECK ("reconciler"."chain_transactions"."state" in ('reserved', 'signed', 'sent', 'included', 'confirmed', 'reverted', 'lost', 'abandoned'));--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transactions" ADD CONSTRAINT "chain_transactions_settled" CHECK (("reconciler"."chain_transactions"."state" in ('confirmed', 'reverted', 'lost', 'abandoned')) = ("reconciler"."chain_transactions"."settled_at" is not null));--> statement-breakpoint
-- As before, with the way out of a chain that is gone.
DROP TRIGGER "chain_transactions_state_change" ON "reconciler"."chain_transactions";
--> statement-breakpoint
CREATE TRIGGER "chain_transactions_state_change" BEFORE UPDATE OF state ON "reconciler"."chain_transactions" FOR EACH ROW
  WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
    ('reserved', 'signed'), ('signed', 'sent'), ('sent', 'included'), ('sent', 'reverted'), ('sent', 'lost'),
    ('included', 'sent'), ('included', 'confirmed'),
    ('reserved', 'abandoned'), ('signed', 'abandoned'), ('sent', 'abandoned'), ('included', 'abandoned')))
  EXECUTE FUNCTION "reconciler"."refuse_state_change"();
--> statement-breakpoint
DROP TRIGGER "chain_transactions_stay" ON "reconciler"."chain_transactions";
--> statement-breakpoint
CREATE TRIGGER "chain_transactions_stay" BEFORE UPDATE OF id, lane, nonce, genesis_hash, type, contract
  ON "reconciler"."chain_transactions" FOR EACH ROW EXECUTE FUNCTION "reconciler"."refuse_rewrite"();
