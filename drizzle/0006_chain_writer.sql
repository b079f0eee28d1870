CREATE TABLE "reconciler"."chain_attempts" (
	"hash" "bytea" PRIMARY KEY NOT NULL,
	"transaction_id" bigint NOT NULL,
	"number" integer NOT NULL,
	"raw" "bytea" NOT NULL,
	"state" text DEFAULT 'signed' NOT NULL,
	"gas_limit" bigint NOT NULL,
	"max_fee_per_gas_wei" bigint NOT NULL,
	"max_priority_fee_per_gas_wei" bigint NOT NULL,
	"signed_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"first_sent_at" timestamp with time zone,
	"last_sent_at" timestamp with time zone,
	CONSTRAINT "chain_attempts_transaction_number" UNIQUE("transaction_id","number"),
	CONSTRAINT "chain_attempts_hash_is_32_bytes" CHECK (octet_length("reconciler"."chain_attempts"."hash") = 32),
	CONSTRAINT "chain_attempts_state" CHECK ("reconciler"."chain_attempts"."state" in ('signed', 'sent', 'refused')),
	CONSTRAINT "chain_attempts_sent" CHECK (("reconciler"."chain_attempts"."first_sent_at" is null) = ("reconciler"."chain_attempts"."last_sent_at" is null)
        and ("reconciler"."chain_attempts"."state" <> 'sent' or "reconciler"."chain_attempts"."first_sent_at" is not null))
);
--> statement-breakpoint
CREATE TABLE "reconciler"."chain_findings" (
	"lane" "bytea" NOT NULL,
	"type" text NOT NULL,
	"finding" text NOT NULL,
	"since" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "chain_findings_lane_type_finding_pk" PRIMARY KEY("lane","type","finding")
);
--> statement-breakpoint
CREATE TABLE "reconciler"."chain_lanes" (
	"address" "bytea" PRIMARY KEY NOT NULL,
	"genesis_hash" "bytea" NOT NULL,
	"next_nonce" bigint DEFAULT 0 NOT NULL,
	"epoch" bigint NOT NULL,
	"holder" text,
	"leased_until" timestamp with time zone NOT NULL,
	CONSTRAINT "chain_lanes_address_is_20_bytes" CHECK (octet_length("reconciler"."chain_lanes"."address") = 20),
	CONSTRAINT "chain_lanes_next_nonce" CHECK ("reconciler"."chain_lanes"."next_nonce" >= 0)
);
--> statement-breakpoint
CREATE TABLE "reconciler"."chain_operations" (
	"event_id" uuid PRIMARY KEY NOT NULL,
	"position" bigint NOT NULL,
	"type" text NOT NULL,
	"kind" text NOT NULL,
	"subject" "bytea" NOT NULL,
	"word" "bytea" NOT NULL,
	"traceparent" text,
	"state" text DEFAULT 'pending' NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"not_before" timestamp with time zone,
	"result" text,
	"outcome" text,
	"accepted_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"final_at" timestamp with time zone,
	CONSTRAINT "chain_operations_type" CHECK ("reconciler"."chain_operations"."type" in ('patient', 'ip-block', 'attack-signature')),
	CONSTRAINT "chain_operations_subject_is_32_bytes" CHECK (octet_length("reconciler"."chain_operations"."subject") = 32),
	CONSTRAINT "chain_operations_word_is_32_bytes" CHECK (octet_length("reconciler"."chain_operations"."word") = 32),
	CONSTRAINT "chain_operations_state" CHECK ("reconciler"."chain_operations"."state" in ('pending', 'claimed', 'included', 'final')),
	CONSTRAINT "chain_operations_result" CHECK (("reconciler"."chain_operations"."state" = 'final') = ("reconciler"."chain_operations"."result" is not null and "reconciler"."chain_operations"."outcome" is not null and "reconciler"."chain_operations"."final_at" is not null)
        and ("reconciler"."chain_operations"."result" is null or "reconciler"."chain_operations"."result" in ('confirmed', 'rejected', 'superseded')))
);
--> statement-breakpoint
CREATE TABLE "reconciler"."chain_transaction_operations" (
	"transaction_id" bigint NOT NULL,
	"ordinal" integer NOT NULL,
	"event_id" uuid NOT NULL,
	CONSTRAINT "chain_transaction_operations_transaction_id_ordinal_pk" PRIMARY KEY("transaction_id","ordinal")
);
--> statement-breakpoint
CREATE TABLE "reconciler"."chain_transactions" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "reconciler"."chain_transactions_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"lane" "bytea" NOT NULL,
	"nonce" bigint NOT NULL,
	"type" text NOT NULL,
	"contract" "bytea" NOT NULL,
	"state" text DEFAULT 'reserved' NOT NULL,
	"mined_hash" "bytea",
	"block_number" bigint,
	"block_hash" "bytea",
	"outcomes" "bytea",
	"reserved_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"settled_at" timestamp with time zone,
	CONSTRAINT "chain_transactions_lane_nonce" UNIQUE("lane","nonce"),
	CONSTRAINT "chain_transactions_state" CHECK ("reconciler"."chain_transactions"."state" in ('reserved', 'signed', 'sent', 'included', 'confirmed', 'reverted', 'lost')),
	CONSTRAINT "chain_transactions_contract_is_20_bytes" CHECK (octet_length("reconciler"."chain_transactions"."contract") = 20),
	CONSTRAINT "chain_transactions_inclusion" CHECK (("reconciler"."chain_transactions"."state" in ('included', 'confirmed')) = ("reconciler"."chain_transactions"."block_hash" is not null)
        and ("reconciler"."chain_transactions"."block_hash" is null) = ("reconciler"."chain_transactions"."block_number" is null)
        and ("reconciler"."chain_transactions"."block_hash" is null) = ("reconciler"."chain_transactions"."outcomes" is null)
        and ("reconciler"."chain_transactions"."state" in ('included', 'confirmed', 'reverted')) = ("reconciler"."chain_transactions"."mined_hash" is not null)),
	CONSTRAINT "chain_transactions_settled" CHECK (("reconciler"."chain_transactions"."state" in ('confirmed', 'reverted', 'lost')) = ("reconciler"."chain_transactions"."settled_at" is not null))
);
--> statement-breakpoint
ALTER TABLE "reconciler"."chain_attempts" ADD CONSTRAINT "chain_attempts_transaction_id_chain_transactions_id_fk" FOREIGN KEY ("transaction_id") REFERENCES "reconciler"."chain_transactions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reconciler"."chain_findings" ADD CONSTRAINT "chain_findings_lane_chain_lanes_address_fk" FOREIGN KEY ("lane") REFERENCES "reconciler"."chain_lanes"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transaction_operations" ADD CONSTRAINT "chain_transaction_operations_transaction" FOREIGN KEY ("transaction_id") REFERENCES "reconciler"."chain_transactions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transaction_operations" ADD CONSTRAINT "chain_transaction_operations_operation" FOREIGN KEY ("event_id") REFERENCES "reconciler"."chain_operations"("event_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reconciler"."chain_transactions" ADD CONSTRAINT "chain_transactions_lane_chain_lanes_address_fk" FOREIGN KEY ("lane") REFERENCES "reconciler"."chain_lanes"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "chain_attempts_one_unsent" ON "reconciler"."chain_attempts" USING btree ("transaction_id") WHERE "reconciler"."chain_attempts"."state" = 'signed';--> statement-breakpoint
CREATE INDEX "chain_operations_pending" ON "reconciler"."chain_operations" USING btree ("type","position","event_id") WHERE "reconciler"."chain_operations"."state" = 'pending';--> statement-breakpoint
CREATE INDEX "chain_operations_unfinished_of_subject" ON "reconciler"."chain_operations" USING btree ("subject","position","event_id") WHERE "reconciler"."chain_operations"."state" in ('pending', 'claimed');--> statement-breakpoint
CREATE INDEX "chain_transaction_operations_event" ON "reconciler"."chain_transaction_operations" USING btree ("event_id");--> statement-breakpoint
CREATE UNIQUE INDEX "chain_transactions_one_unsent" ON "reconciler"."chain_transactions" USING btree ("lane") WHERE "reconciler"."chain_transactions"."state" in ('reserved', 'signed');--> statement-breakpoint
CREATE INDEX "chain_transactions_open" ON "reconciler"."chain_transactions" USING btree ("lane","nonce") WHERE "reconciler"."chain_transactions"."settled_at" is null;