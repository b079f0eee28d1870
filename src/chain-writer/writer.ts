import type { Clock } from "../runtime/clock.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Stage } from "../runtime/ticker.ts"
import { createAttempts } from "./attempts.ts"
import { DEFAULT_GAS_COSTS, type GasCosts } from "./batch.ts"
import { createBatchSizes } from "./batch-sizes.ts"
import { createClaims } from "./claims.ts"
import { createConfirmedCheck } from "./confirmed-check.ts"
import type { CrashHook } from "./crash-points.ts"
import { createDoubt } from "./doubt.ts"
import { DEFAULT_FEE_POLICY, type FeePolicy } from "./fees.ts"
import { createFindings } from "./findings.ts"
import { createLaneHold, type HeldLane } from "./lane-hold.ts"
import { createPace } from "./pace.ts"
import {
  type Depth,
  type Lane,
  type Lanes,
  LeaseLostError,
  type Ledger,
  type OpenTransaction,
  type Registry,
  type Signer,
  type TransactionLog,
} from "./ports.ts"
import { createSettledAgain } from "./settled-again.ts"
import { createWatch } from "./watch.ts"

const CHECK_CONFIRMED_MS = 1_000

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
  readonly confirmations: Depth
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
  const sizes = createBatchSizes()
  const pace = createPace(options)
  const resendMs = options.resendMs ?? 5_000
  const shared = { ...options, findings, crash, gas, fees, sizes, pace, resendMs }
  const hold = createLaneHold(shared)
  const attempts = createAttempts(shared)
  const watch = createWatch({ ...shared, attempts })
  const settledAgain = createSettledAgain(shared)
  const claims = createClaims({ ...shared, attempts })
  const isConfirmedSound = createConfirmedCheck(shared)
  const strangers = createDoubt({ clock: options.clock, overMs: resendMs })
  let soundAtMs = Number.NEGATIVE_INFINITY
  /** One above the highest nonce that this process has seen reserved. */
  let knownNonce = 0

  /** A node that has fewer of our nonces than we used lags, or a deep reorg took them: then it needs the same bytes. */
  async function isBehind(lane: Lane, expectedNonce: number, usedNonces: number): Promise<boolean> {
    const behind = usedNonces < expectedNonce
    await findings.set(lane, "nonce-behind", null, behind)
    // On a chain without our contracts, one that was reset, the bytes would only use up nonces.
    if (behind && (await hasContracts(lane))) await settledAgain(lane, usedNonces)
    return behind
  }

  async function hasContracts(lane: Lane): Promise<boolean> {
    for (const registry of options.registries) {
      const missing = (await registry.obstacle(lane.address)) === "no-contract"
      await findings.set(lane, "no-contract", registry.type, missing)
      if (missing) return false
    }
    return true
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

  /** Every second or so, also while there is nothing to do: a reorganisation does not wait for work. */
  async function isSound(lane: Lane): Promise<boolean> {
    const nowMs = options.clock.nowMs()
    if (nowMs - soundAtMs < CHECK_CONFIRMED_MS) return true
    const sound = await isConfirmedSound(lane)
    // Unsound: again in the next pass.
    if (sound) soundAtMs = nowMs
    return sound
  }

  /** More nonces used than we know of. One answer is not enough: a nonce left out for it would stop the lane for good. */
  async function nonceToBeginAt(lane: Lane, usedNonces: number): Promise<number | null> {
    const ahead = usedNonces > knownNonce
    if (!strangers.settled("nonce", ahead ? String(usedNonces) : null)) return ahead ? null : knownNonce
    // An account that was used before it became a lane is no alarm.
    if (knownNonce > 0) await findings.set(lane, "foreign-nonce", null, true)
    return usedNonces
  }

  async function pass(held: HeldLane, signal: AbortSignal): Promise<number> {
    const { lane, nextNonce, mayBegin } = held
    const sound = await isSound(lane)
    const open = await log.open(lane)
    if (open.length === 0 && (await log.ready()).length === 0) return 0
    // A development chain can be reset between two passes, and its contracts be made again at the same addresses.
    if ((await ledger.blockHash(0)) !== held.genesisHash) return hold.lost()
    const usedNonces = await ledger.nonce(lane.address, 1)
    knownNonce = Math.max(knownNonce, nextNonce, (open.at(-1)?.nonce ?? -1) + 1)
    const behind = await isBehind(lane, open[0]?.nonce ?? knownNonce, usedNonces)
    const { moved, blocked } = await watchAll(lane, open, usedNonces)
    if (!sound || !mayBegin || behind || blocked || signal.aborted) return moved
    const left = moved > 0 ? await log.open(lane) : open
    if (left.some(({ state }) => state === "reserved" || state === "signed")) return moved
    const beginAt = await nonceToBeginAt(lane, usedNonces)
    if (beginAt === null) return moved
    const begun = await claims(lane, left, beginAt, signal)
    knownNonce = Math.max(knownNonce, beginAt) + begun
    return moved + begun
  }

  return {
    name: `chain-writer ${signer.address}`,
    async tick(signal) {
      try {
        const held = await hold.renew()
        return held ? await pass(held, signal) : 0
      } catch (error) {
        if (!(error instanceof LeaseLostError)) throw error
        return hold.lost()
      }
    },
    release: () => hold.release(),
  }
}
