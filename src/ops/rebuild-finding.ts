import type { Finding } from "./finding.ts"

export const REBUILD_FINDINGS = [
  /** `deploy --rebuild` was begun and has not come to its end: nothing else is written to the chain meanwhile. */
  "rebuild-not-ended",
] as const

/** `begunMs`: Unix milliseconds; null when none is going on. One that was killed looks the same as one that works. */
export function rebuildFindings(begunMs: number | null): readonly Finding[] {
  return begunMs === null ? [] : [{ finding: "rebuild-not-ended", about: "all lanes", sinceMs: begunMs }]
}
