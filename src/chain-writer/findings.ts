import type { OperationType } from "../domain/operation.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Lane, Lanes } from "./ports.ts"

/** What an operator is told about a lane. All but `foreign-nonce` end by themselves when their cause does. */
export const FINDINGS = [
  /** The registry is paused. */
  "paused",
  /** The lane's account may not write to the registry. */
  "no-writer-role",
  /** No registry at the configured address. */
  "no-contract",
  /** A transaction succeeded without our contract's event, or reverted for no reason we can see. */
  "no-effect",
  /** The account cannot pay for what is in flight and one batch more. */
  "insufficient-funds",
  /** Fees are above the configured cap: waiting for them to fall. */
  "fee-cap",
  /** The node takes no transaction in this form. */
  "transaction-refused",
  /** The chain has fewer nonces of the account than we have used: a lagging node, or a deep reorg. */
  "nonce-behind",
  /** Someone else signs with the lane's key. */
  "foreign-nonce",
] as const

export type Finding = (typeof FINDINGS)[number]

/** Remembers what holds, so that only a change is stored and logged. */
export interface Findings {
  set(lane: Lane, finding: Finding, type: OperationType | null, present: boolean): Promise<void>
  has(finding: Finding): boolean
  /** After a new lease: what the last holder found is no longer known to hold. */
  forget(): void
}

export function createFindings(lanes: Lanes, logger: Logger): Findings {
  const present = new Set<string>()
  return {
    async set(lane, finding, type, isPresent) {
      const key = `${finding} ${type ?? ""}`
      if (present.has(key) === isPresent) return
      await lanes.setFinding(lane, finding, type, isPresent)
      if (isPresent) {
        present.add(key)
        logger.warn({ lane: lane.address, finding, type }, "lane finding")
      } else {
        present.delete(key)
        logger.info({ lane: lane.address, finding, type }, "lane finding ended")
      }
    },
    has: finding => [...present].some(key => key.startsWith(`${finding} `)),
    forget: () => present.clear(),
  }
}
