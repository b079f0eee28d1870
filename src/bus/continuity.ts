import type { ReceivedBatch } from "./consume.ts"

/** Whether a batch continues where the group's stored offset ends, and what to do if not. */
export type Continuity =
  | { readonly continues: true }
  | { readonly continues: false; readonly seekTo: bigint }
  /** The stored offset leads nowhere: handle what there is, and tell a person. */
  | { readonly continues: true; readonly finding: "messages-expired" | "messages-gone" }

/**
 * A client may deliver a batch fetched before its seek took effect, and falls back to the oldest message when the
 * stored offset is outside of what the broker has. The first is sought back; the second cannot be.
 */
export function continuityOf(
  batch: Pick<ReceivedBatch, "fetchOffset" | "lowOffset" | "endOffset">,
  storedOffset: bigint | null,
): Continuity {
  const { fetchOffset, lowOffset, endOffset } = batch
  if (storedOffset === null) {
    return lowOffset === null || fetchOffset <= lowOffset
      ? { continues: true }
      : { continues: false, seekTo: lowOffset }
  }
  if (fetchOffset === storedOffset) return { continues: true }
  if (endOffset !== null && storedOffset > endOffset) return { continues: true, finding: "messages-gone" }
  if (lowOffset !== null && storedOffset < lowOffset) {
    return fetchOffset <= lowOffset
      ? { continues: true, finding: "messages-expired" }
      : { continues: false, seekTo: lowOffset }
  }
  return { continues: false, seekTo: storedOffset }
}
