ALTER TABLE "reconciler"."chain_attempts" ADD COLUMN "records" integer;--> statement-breakpoint
-- Until now every attempt carried its transaction's whole payload.
UPDATE "reconciler"."chain_attempts" a SET "records" = (
  SELECT count(*) FROM "reconciler"."chain_transaction_operations" p WHERE p."transaction_id" = a."transaction_id");--> statement-breakpoint
ALTER TABLE "reconciler"."chain_attempts" ALTER COLUMN "records" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "reconciler"."chain_lanes" ADD COLUMN "draining" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "reconciler"."chain_lanes" ADD COLUMN "halted" text;--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transactions" ADD COLUMN "contradicted_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "chain_transactions_confirmed" ON "reconciler"."chain_transactions" USING btree ("lane","nonce") WHERE "reconciler"."chain_transactions"."state" = 'confirmed' and "reconciler"."chain_transactions"."contradicted_at" is null;--> statement-breakpoint
ALTER TABLE "reconciler"."chain_attempts" ADD CONSTRAINT "chain_attempts_records" CHECK ("reconciler"."chain_attempts"."records" > 0);--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transactions" ADD CONSTRAINT "chain_transactions_contradicted" CHECK ("reconciler"."chain_transactions"."contradicted_at" is null or "reconciler"."chain_transactions"."state" = 'confirmed');