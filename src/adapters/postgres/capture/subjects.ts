import type { AnySql } from "../client.ts"

/** Of a patient the app has two hashes: its views' and its old cron job's. */
export type PatientKey = "view" | "sync"

/** How the triggers make subjects. */
export type SubjectMaking =
  | { readonly hashing: "hmac"; readonly key: Uint8Array }
  | { readonly hashing: "as-stored"; readonly patientKey: PatientKey }

interface StoredMaking {
  readonly hashing: string
  readonly patientKey: string | null
  readonly innerPad: Uint8Array | null
}

/** SHA-256's block; a longer key would have to be hashed first. */
const BLOCK_BYTES = 64

/** The key as HMAC uses it (RFC 2104): SQL has no operator to make it from the key. */
function pad(key: Uint8Array, byte: number): Buffer {
  if (key.length > BLOCK_BYTES) throw new RangeError(`a key of ${key.length} bytes: at most ${BLOCK_BYTES}`)
  return Buffer.from(Array.from({ length: BLOCK_BYTES }, (_, at) => (key[at] ?? 0) ^ byte))
}

export type SubjectsComparison = "none" | "same" | "different"

/** Whether capture was set up already, and in this way. */
export async function compareSubjects(sql: AnySql, making: SubjectMaking): Promise<SubjectsComparison> {
  const [stored] = await sql<StoredMaking[]>`
    select hashing, patient_key as "patientKey", inner_pad as "innerPad" from reconciler.capture_settings`
  if (!stored) return "none"
  if (stored.hashing !== making.hashing) return "different"
  const isSame =
    making.hashing === "hmac"
      ? stored.innerPad !== null && pad(making.key, 0x36).equals(stored.innerPad)
      : stored.patientKey === making.patientKey
  return isSame ? "same" : "different"
}

/** Does nothing where capture was set up already: another key would give one thing two subjects. */
export async function insertSubjects(sql: AnySql, making: SubjectMaking): Promise<void> {
  const row =
    making.hashing === "hmac"
      ? { patientKey: null, innerPad: pad(making.key, 0x36), outerPad: pad(making.key, 0x5c) }
      : { patientKey: making.patientKey, innerPad: null, outerPad: null }
  await sql`
    insert into reconciler.capture_settings (hashing, patient_key, inner_pad, outer_pad)
    values (${making.hashing}, ${row.patientKey}, ${row.innerPad}, ${row.outerPad})
    on conflict do nothing`
}

export async function deleteSubjects(sql: AnySql): Promise<void> {
  await sql`delete from reconciler.capture_settings`
}
