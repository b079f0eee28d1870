CREATE TABLE "reconciler"."dead_letters" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "reconciler"."dead_letters_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"source" text NOT NULL,
	"reason" text NOT NULL,
	"event_id" uuid,
	"position" bigint,
	"type" text,
	"subject" "bytea",
	"topic" text,
	"partition" integer,
	"offset" bigint,
	"fields" text[] DEFAULT '{}' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reconciler"."operation_views" (
	"position" bigint PRIMARY KEY NOT NULL,
	"subject" "bytea" NOT NULL,
	"event_id" uuid,
	"kind" text,
	"requested_at" timestamp with time zone,
	"traceparent" text,
	"expires_at" timestamp with time zone,
	"manual" boolean,
	"result_seq" bigint,
	"result" text,
	"outcome" text,
	"reason" text,
	"transaction_hash" "bytea",
	"block_number" bigint,
	"resulted_at" timestamp with time zone,
	"expired_seq" bigint,
	"expired_event_id" uuid,
	"expired_at" timestamp with time zone,
	"removed_seq" bigint,
	"removed_rows" integer,
	"removed_at" timestamp with time zone,
	"timer_void" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reconciler"."app_rows" (
	"table_name" text NOT NULL,
	"subject" "bytea" NOT NULL,
	"row_id" bigint NOT NULL,
	"seq" bigint NOT NULL,
	CONSTRAINT "app_rows_table_name_subject_pk" PRIMARY KEY("table_name","subject")
);
--> statement-breakpoint
CREATE TABLE "reconciler"."write_backs" (
	"operation_position" bigint PRIMARY KEY NOT NULL,
	"operation_id" uuid NOT NULL,
	"table_name" text NOT NULL,
	"subject" "bytea" NOT NULL,
	"action" text NOT NULL,
	"transaction_hash" "bytea",
	"block_version" bigint,
	"traceparent" text,
	"due_at" timestamp with time zone DEFAULT now() NOT NULL,
	"done_at" timestamp with time zone
);
--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letters_message" ON "reconciler"."dead_letters" USING btree ("source","topic","partition","offset") WHERE "reconciler"."dead_letters"."offset" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letters_event" ON "reconciler"."dead_letters" USING btree ("source","event_id") WHERE "reconciler"."dead_letters"."event_id" is not null;--> statement-breakpoint
CREATE INDEX "dead_letters_event_id" ON "reconciler"."dead_letters" USING btree ("event_id");--> statement-breakpoint
CREATE INDEX "operation_views_event_id" ON "reconciler"."operation_views" USING btree ("event_id");--> statement-breakpoint
CREATE INDEX "operation_views_subject" ON "reconciler"."operation_views" USING btree ("subject","position");--> statement-breakpoint
CREATE INDEX "operation_views_timers" ON "reconciler"."operation_views" USING btree ("expires_at") WHERE "reconciler"."operation_views"."result" = 'confirmed' and "reconciler"."operation_views"."expires_at" is not null and "reconciler"."operation_views"."expired_seq" is null and not "reconciler"."operation_views"."timer_void";--> statement-breakpoint
CREATE INDEX "operation_views_waiting" ON "reconciler"."operation_views" USING btree ("requested_at") WHERE "reconciler"."operation_views"."result" is null;--> statement-breakpoint
CREATE INDEX "app_rows_row" ON "reconciler"."app_rows" USING btree ("table_name","row_id");--> statement-breakpoint
CREATE UNIQUE INDEX "write_backs_block_version" ON "reconciler"."write_backs" USING btree ("block_version") WHERE "reconciler"."write_backs"."block_version" is not null;--> statement-breakpoint
CREATE INDEX "write_backs_due" ON "reconciler"."write_backs" USING btree ("due_at") WHERE "reconciler"."write_backs"."done_at" is null;