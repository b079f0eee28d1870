import { z } from "zod"
import { POISON_POLICIES } from "../domain/order.ts"
import { entry, wholeNumber } from "./entry.ts"
import { RELAY_NEWS } from "./names.ts"

/** The event log, its relay, and what is told of them. */
export const logSettings = {
  RELAY_BATCH_SIZE: entry({
    schema: wholeNumber(1, 10_000),
    fallback: "1000",
    unit: "events",
    about: "Most events in one send to Kafka.",
  }),
  ON_POISON: entry({
    schema: z.enum(POISON_POLICIES),
    fallback: "block-subject",
    unit: "policy",
    about:
      "What becomes of later requests of a subject when one is set aside. block-subject: they are set aside behind it, so that the chain sees the order of the log; skip: they go on without it.",
  }),
  RELAY_NEWS: entry({
    schema: z.enum(RELAY_NEWS),
    fallback: "auto",
    unit: "policy",
    about:
      "Whether writers notify a relay that waits. auto: unless the server allows prepared transactions, which NOTIFY forbids, or DATABASE_URL says prepare=false (a pooler); the relay polls then.",
  }),
  LEASE_MS: entry({
    schema: wholeNumber(500, 600_000),
    fallback: "5000",
    unit: "milliseconds",
    about: "How long the relay's and a lane's lease lasts; another process takes over after it.",
  }),
  LOG_RETENTION_DAYS: entry({
    schema: wholeNumber(1, 36_500),
    unit: "days",
    about:
      "A day of the event log that is over for so long, and that nobody needs any more, is archived and dropped. Unset: the log is kept for ever.",
  }),
  LOG_ARCHIVE_DIRECTORY: entry({
    schema: z.string().min(1),
    unit: "path",
    about: "Where archived days of the event log are kept, one file a day. Needed with LOG_RETENTION_DAYS.",
  }),
  LOG_ALERT_GIB: entry({
    schema: wholeNumber(1, 1_000_000),
    fallback: "50",
    unit: "GiB",
    about: "An event log that is larger on disk is a finding.",
  }),
  UNPUBLISHED_ALERT_SECONDS: entry({
    schema: wholeNumber(5, 86_400),
    fallback: "60",
    unit: "seconds",
    about: "An event that waits longer than this to be published is a finding.",
  }),
  LOG_LEVEL: entry({
    schema: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
    fallback: "info",
    unit: "level",
    about: "Least severe level that is logged.",
  }),
  LOG_FORMAT: entry({
    schema: z.enum(["auto", "json", "pretty"]),
    fallback: "auto",
    unit: "format",
    about: "auto: readable on a terminal, JSON lines elsewhere.",
  }),
}
