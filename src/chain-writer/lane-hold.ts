import type { Clock } from "../runtime/clock.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Findings } from "./findings.ts"
import type { Hex, Lane, Lanes, Ledger, Signer } from "./ports.ts"

export interface HeldLane {
  readonly lane: Lane
  /** The lane's next nonce when the lease was last prolonged. */
  readonly nextNonce: number
  /** False while a person wants the lane empty, or has not yet looked at what halted it. */
  readonly mayBegin: boolean
  /** Of the chain that its nonces belong to. */
  readonly genesisHash: Hex
}

/** Keeps one lane's lease. */
export interface LaneHold {
  /** Takes or prolongs the lease when a third of it has passed; null while another process has it. */
  renew(): Promise<HeldLane | null>
  /** A write was fenced off, or the chain is another one: ask again at the next pass. Nothing was done. */
  lost(): 0
  release(): Promise<void>
}

export function createLaneHold(options: {
  readonly lanes: Lanes
  readonly ledger: Ledger
  readonly signer: Signer
  readonly findings: Findings
  readonly holder: string
  readonly leaseMs: number
  readonly clock: Clock
  readonly logger: Logger
}): LaneHold {
  const { lanes, ledger, findings, clock, logger } = options
  const { address } = options.signer
  let held: HeldLane | null = null
  let askAgainAtMs = 0
  let toldOtherChain = false

  async function ask(): Promise<HeldLane | null> {
    // Asked each time: a development chain can be reset behind a running writer.
    const genesisHash = await ledger.blockHash(0)
    if (!genesisHash) throw new Error("the node has no genesis block")
    const { holder, leaseMs } = options
    const outcome = await lanes.lease({ address, holder, leaseMs, genesisHash })
    if (outcome.kind === "leased") {
      toldOtherChain = false
      const { lane, nextNonce, draining, halted } = outcome
      if (!halted) findings.resumed()
      return { lane, nextNonce, mayBegin: !draining && !halted, genesisHash }
    }
    if (outcome.kind === "other-chain" && !toldOtherChain) {
      logger.error(
        { lane: address, genesisHash },
        "this is not the chain the lane has written to; nothing is sent",
      )
      toldOtherChain = true
    }
    return null
  }

  return {
    async renew() {
      if (clock.nowMs() < askAgainAtMs) return held
      const next = await ask()
      askAgainAtMs = clock.nowMs() + options.leaseMs / 3
      if (next && next.lane.epoch !== held?.lane.epoch) {
        findings.forget()
        logger.info({ lane: address, epoch: next.lane.epoch.toString() }, "lane leased")
      }
      if (held && !next) logger.warn({ lane: address }, "another process has the lane")
      held = next
      return held
    },
    lost() {
      logger.warn({ lane: address }, "the lane is not ours any more")
      held = null
      askAgainAtMs = 0
      return 0
    },
    async release() {
      if (held) await lanes.release(held.lane)
      held = null
      askAgainAtMs = 0
    },
  }
}
