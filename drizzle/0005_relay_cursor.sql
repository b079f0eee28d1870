CREATE TABLE "reconciler"."relay_cursor" (
	"name" text PRIMARY KEY DEFAULT 'relay' NOT NULL,
	"position" bigint DEFAULT 0 NOT NULL,
	"epoch" bigint DEFAULT 0 NOT NULL,
	"holder" text,
	"leased_until" timestamp with time zone,
	CONSTRAINT "relay_cursor_one_row" CHECK ("reconciler"."relay_cursor"."name" = 'relay')
);
