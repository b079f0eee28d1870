ALTER TABLE "reconciler"."dead_letters" ADD COLUMN "state" text DEFAULT 'open' NOT NULL;--> statement-breakpoint
ALTER TABLE "reconciler"."dead_letters" ADD COLUMN "attempts" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "reconciler"."dead_letters" ADD COLUMN "blocks_subject" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "reconciler"."dead_letters" ADD COLUMN "changed_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "reconciler"."dead_letters" ADD COLUMN "discarded_by" text;--> statement-breakpoint
ALTER TABLE "reconciler"."dead_letters" ADD COLUMN "discard_reason" text;--> statement-breakpoint
ALTER TABLE "reconciler"."dead_letters" ADD COLUMN "announced" text;--> statement-breakpoint
CREATE INDEX "dead_letters_unsettled" ON "reconciler"."dead_letters" USING btree ("source","subject","position") WHERE "reconciler"."dead_letters"."state" in ('open', 'requeued');--> statement-breakpoint
CREATE INDEX "dead_letters_unannounced" ON "reconciler"."dead_letters" USING btree ("id") WHERE "reconciler"."dead_letters"."announced" is distinct from "reconciler"."dead_letters"."state";--> statement-breakpoint
ALTER TABLE "reconciler"."dead_letters" ADD CONSTRAINT "dead_letters_state" CHECK ("reconciler"."dead_letters"."state" in ('open', 'requeued', 'resolved', 'discarded'));--> statement-breakpoint
ALTER TABLE "reconciler"."dead_letters" ADD CONSTRAINT "dead_letters_attempts" CHECK ("reconciler"."dead_letters"."attempts" > 0);--> statement-breakpoint
ALTER TABLE "reconciler"."dead_letters" ADD CONSTRAINT "dead_letters_discarded" CHECK (("reconciler"."dead_letters"."state" = 'discarded') = ("reconciler"."dead_letters"."discarded_by" is not null and "reconciler"."dead_letters"."discard_reason" is not null));--> statement-breakpoint
ALTER TABLE "reconciler"."dead_letters" ADD CONSTRAINT "dead_letters_block_has_order" CHECK (not "reconciler"."dead_letters"."blocks_subject" or ("reconciler"."dead_letters"."event_id" is not null and "reconciler"."dead_letters"."position" is not null and "reconciler"."dead_letters"."subject" is not null));