import type { RefusalReason } from "../../relay/ports.ts"

const REFUSALS: Readonly<Record<string, RefusalReason>> = {
  MESSAGE_TOO_LARGE: "message-too-large",
  RECORD_LIST_TOO_LARGE: "message-too-large",
  INVALID_RECORD: "invalid-record",
}

/** Why the broker will never take it, by the protocol's name of its answer; null if it may another time. */
export function refusalReason(protocolError: string | null): RefusalReason | null {
  return REFUSALS[protocolError ?? ""] ?? null
}
