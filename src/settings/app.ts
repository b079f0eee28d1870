import { z } from "zod"
import { MAX_WRITER_ID } from "../domain/position.ts"
import { entry, url, wholeNumber } from "./entry.ts"
import { PATIENT_KEYS, SUBJECT_HASHINGS } from "./names.ts"

/** CareGrid itself. */
export const appSettings = {
  WRITER_ID: entry({
    schema: wholeNumber(0, MAX_WRITER_ID),
    unit: "number",
    about:
      "This branch's number, 0 to 1023, different for each branch that shares the chain; given by `migrate` before the first event. Unset: the database's own, 0 in a new one.",
  }),
  APP_SCHEMA: entry({
    schema: z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, "a schema name in lower case"),
    fallback: "public",
    unit: "name",
    about: "Database schema of CareGrid's own tables.",
  }),
  SUBJECT_HASHING: entry({
    schema: z.enum(SUBJECT_HASHINGS),
    fallback: "hmac",
    unit: "name",
    about:
      "How `capture` makes subjects. hmac: with the key in SUBJECT_KEY_FILE. as-stored: the app's own hashes, which its chain reads use and anyone can undo.",
  }),
  SUBJECT_KEY_FILE: entry({
    schema: z.string().min(1),
    unit: "path",
    about:
      "File with the key of subjects (64 hex digits, mode 600), the same one for all branches; `capture install` puts it into the database.",
  }),
  PATIENT_KEY: entry({
    schema: z.enum(PATIENT_KEYS),
    fallback: "view",
    unit: "name",
    about:
      "With SUBJECT_HASHING=as-stored, which of the app's two keys a patient has on the chain: view, the hash of blockchain_id that its views use; sync, the bytes of it that its old cron job used.",
  }),
  REDIS_URL: entry({
    schema: url(["redis:", "rediss:"], "redis://redis:6379/0"),
    unit: "URL",
    about:
      "The app's Redis, where it keeps answers of the chain for minutes: results make it forget them. Unset: they run out by themselves.",
  }),
  REDIS_HOST: entry({
    schema: z.string().regex(/^[A-Za-z0-9._-]{1,253}$/, "a host name or IPv4 address"),
    unit: "host",
    about: "The app's own setting, used with REDIS_PORT and REDIS_DB when REDIS_URL is unset.",
  }),
  REDIS_PORT: entry({
    schema: wholeNumber(1, 65_535),
    fallback: "6379",
    unit: "port",
    about: "See REDIS_HOST.",
  }),
  REDIS_DB: entry({
    schema: wholeNumber(0, 1_000_000),
    fallback: "0",
    unit: "number",
    about: "See REDIS_HOST.",
  }),
}
