import type { Clock } from "../runtime/clock.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Stage } from "../runtime/ticker.ts"
import { createAttempts } from "./attempts.ts"
import { DEFAULT_GAS_COSTS, type GasCosts } from "./batch.ts"
import { createClaims } from "./claims.ts"
import type { CrashHook } from "./crash-points.ts"
import { DEFAULT_FEE_POLICY, type FeePolicy } from "./fees.ts"
import { createFindings } from "./findings.ts"
import { createLaneHold } from "./lane-hold.ts"
import {
  type Lane,
  type Lanes,
  LeaseLostError,
  type Ledger,
  type OpenTransaction,
  type Registry,
  type Signer,
  type TransactionLog,
} from "./ports.ts"
import { createWatch } from "./watch.ts"

export interface LaneWriterOptions {
  readonly lanes: Lanes
  readonly log: TransactionLog
  readonly ledger: Ledger
  /** One for each operation type this lane may write. */
  readonly registries: readonly Registry[]
  readonly signer: Signer
  readonly clock: Clock
  readonly logger: Logger
  /** Unique to this process: two writers of one name would both use the lane. */
  readonly holder: string
  readonly leaseMs: number
  readonly maxRecords: number
  readonly maxInFlight: number
  readonly confirmations: number
  readonly stuckMs: number
  readonly resendMs?: number
  readonly gas?: GasCosts
  readonly fees?: FeePolicy
  readonly crashPoint?: CrashHook
}

export interface LaneWriter extends Stage {
  /** Gives the lease back, so that another process takes over at once; to be called when the ticker has ended. */
  release(): Promise<void>
}

/**
 * Writes operations to the chain with one signing account. Each pass: hold the lease, take every open transaction a step
 * on (which is also how a crashed predecessor's work is resumed), then begin new batches.
 */
export function createLaneWriter(options: LaneWriterOptions): LaneWriter {
  const { log, ledger, signer, logger } = options
  const crash: CrashHook = options.crashPoint ?? (() => {})
  const gas = options.gas ?? DEFAULT_GAS_COSTS
  const fees = options.fees ?? DEFAULT_FEE_POLICY
  const findings = createFindings(options.lanes, logger)
  const shared = { ...options, findings, crash, gas, fees }
  const hold = createLaneHold(shared)
  const attempts = createAttempts(shared)
  const watch = createWatch({ ...shared, attempts, resendMs: options.resendMs ?? 5_000 })
  const claims = createClaims({ ...shared, attempts })

  /** A node that has fewer of our nonces than we used lags, or a deep reorg took them: then it needs the same bytes. */
  async function isBehind(lane: Lane, expectedNonce: number, usedNonces: number): Promise<boolean> {
    const behind = usedNonces < expectedNonce
    await findings.set(lane, "nonce-behind", null, behind)
    if (behind) {
      for (const bytes of await log.settledBytes(lane, usedNonces)) await ledger.broadcast(bytes)
    }
    return behind
  }

  async function watchAll(lane: Lane, open: readonly OpenTransaction[], usedNonces: number) {
    let moved = 0
    for (const transaction of open) {
      const result = await watch(lane, transaction, usedNonces)
      if (result === "blocked") return { moved, blocked: true }
      if (result === "moved") moved += 1
    }
    return { moved, blocked: false }
  }

  async function pass(lane: Lane, nextNonce: number, signal: AbortSignal): Promise<number> {
    const open = await log.open(lane)
    if (open.length === 0 && (await log.ready()).length === 0) return 0
    const usedNonces = await ledger.nonce(lane.address, 1)
    const behind = await isBehind(lane, open[0]?.nonce ?? nextNonce, usedNonces)
    const { moved, blocked } = await watchAll(lane, open, usedNonces)
    if (behind || blocked || signal.aborted) return moved
    const left = moved > 0 ? await log.open(lane) : open
    if (left.some(({ state }) => state === "reserved" || state === "signed")) return moved
    return moved + (await claims(lane, left, usedNonces, signal))
  }

  return {
    name: `chain-writer ${signer.address}`,
    async tick(signal) {
      try {
        const held = await hold.renew()
        return held ? await pass(held.lane, held.nextNonce, signal) : 0
      } catch (error) {
        if (!(error instanceof LeaseLostError)) throw error
        hold.lost()
        return 0
      }
    },
    release: () => hold.release(),
  }
}
