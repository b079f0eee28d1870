CREATE TABLE "reconciler"."bus_findings" (
	"finding" text NOT NULL,
	"about" text NOT NULL,
	"since" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "bus_findings_finding_about_pk" PRIMARY KEY("finding","about")
);
