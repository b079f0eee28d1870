import type { Finding } from "./finding.ts"
import type { Hex } from "./ports.ts"

/** One signing account, as a person sees it. */
export interface LaneStatus {
  readonly address: Hex
  /** The process that has it; null when nobody does. */
  readonly holder: string | null
  readonly nextNonce: number
  readonly openTransactions: number
  readonly draining: boolean
  /** Why nothing new is begun until it is resumed; null when it is not halted. */
  readonly halted: Finding | null
  readonly findings: readonly Finding[]
}

/** Port: what a person may do with lanes while they work. Each takes effect at the lane's next reservation. */
export interface LaneLevers {
  list(): Promise<readonly LaneStatus[]>
  /** Ends the findings that only a person ends, and lets the lane begin again. False if there is no such lane. */
  resume(address: Hex): Promise<boolean>
  /** True: nothing new is begun, what is open is finished. False: it works again. False if there is no such lane. */
  setDraining(address: Hex, draining: boolean): Promise<boolean>
}
