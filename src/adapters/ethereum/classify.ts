import type { BroadcastOutcome, Hex } from "../../chain-writer/ports.ts"

/** The error object of a JSON-RPC answer. */
interface RpcError {
  readonly code: number
  readonly message: string
}

type Refusal = Exclude<BroadcastOutcome["kind"], "accepted" | "unknown" | "already-known">

/**
 * The one place that says what a node's refusal of a transaction means. The first match counts. Nodes have no common
 * codes, so it goes by their words: Hardhat's and anvil's as they say them, go-ethereum's from core/txpool/errors.go and
 * core/error.go, the others from their public sources.
 */
const REFUSALS: readonly (readonly [RegExp, Refusal])[] = [
  [
    /replacement.*underpriced|replacement fee too low|replacementnotallowed|could not replace existing/i,
    "underpriced",
  ],
  [/nonce (is )?too low|old ?nonce|nonce has already been used|nonce below/i, "nonce-too-low"],
  [/nonce (is )?too high|nonce ?gap|nonce above|too distant|nonce ?too ?far/i, "nonce-too-high"],
  [/insufficient ?(funds|balance)|doesn't have enough funds|upfront cost exceeds/i, "insufficient-funds"],
  [
    /priority fee.* (higher than|greater than|exceeds)|exceeds the configured cap|fee cap exceeded/i,
    "rejected",
  ],
  [
    /underpriced|(less than|below) (the )?(current )?(block )?base fee|is too low for the next block/i,
    "underpriced",
  ],
  [/fee ?too ?low|gas price (is )?(too low|below)|tip .*below/i, "underpriced"],
  [/vm exception|execution reverted|reverted with/i, "reverted"],
  [/gas too high|(transaction|rlp) ?too ?(large|long)|max ?tx ?size/i, "too-large"],
  [/requires at least \d+ gas|intrinsic ?gas|gas floor|floor data gas/i, "rejected"],
  [
    /gas ?limit|gas cap|oversized|exceeds max(imum)? (transaction|data) size|request entity too large/i,
    "too-large",
  ],
  // Besu's "an invalid transaction with a lower nonce exists" is about another one.
  [
    /chain ?id|invalid ?(tx)? ?(sender|signature)|(?<!an )invalid transaction|transaction .*invalid/i,
    "rejected",
  ],
  [/input too short|rlp|type not supported|unsupported transaction|recover sender/i, "rejected"],
  [/sender ?is ?contract|not an eoa|not authorized/i, "rejected"],
]

const KNOWN = /already ?known|known transaction|already ?imported|(transaction|tx) with (the )?same hash/i

/** What became of `hash`, from what sending it threw. Anything that does not certainly say no is `unknown`. */
export function classifyBroadcastError(error: unknown, hash: Hex): BroadcastOutcome {
  const rpc = rpcErrorOf(error)
  if (!rpc) return { kind: "unknown", detail: describe(error) }
  if (KNOWN.test(rpc.message)) return knownAs(rpc.message, hash)
  const refusal = REFUSALS.find(([pattern]) => pattern.test(rpc.message))?.[1]
  // Busy, rate-limited, ill, or in words nobody here knows: it may have been taken.
  if (refusal === undefined) return { kind: "unknown", detail: `code ${rpc.code}` }
  return refusal === "rejected" ? { kind: refusal, detail: withoutData(rpc.message) } : { kind: refusal }
}

/** "Known" is good news only of our own transaction. */
function knownAs(message: string, hash: Hex): BroadcastOutcome {
  const named = message.match(/0x[0-9a-f]{64}/i)?.[0]?.toLowerCase()
  if (named !== undefined && named !== hash)
    return { kind: "unknown", detail: "another transaction is known" }
  return { kind: "already-known" }
}

/** ethers puts the node's answer under `error` or `info.error`, depending on what it makes of the message. */
function rpcErrorOf(error: unknown): RpcError | null {
  if (!isObject(error)) return null
  const info = isObject(error.info) ? error.info : {}
  for (const candidate of [error.error, info.error]) {
    if (!isObject(candidate)) continue
    const { code, message } = candidate
    if (typeof code === "number" && typeof message === "string") return { code, message }
  }
  return null
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null
}

/** A code only: messages of transport errors quote the request, and so the endpoint with its key. */
function describe(error: unknown): string {
  return isObject(error) && typeof error.code === "string" ? error.code : "no answer"
}

/** A refusal may quote the transaction; its data is long and of no use in a log. */
function withoutData(message: string): string {
  return message.replace(/0x[0-9a-f]{65,}/gi, "0x…").slice(0, 200)
}
