import type { OperationType } from "../domain/operation.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Finding } from "./finding.ts"
import type { Lane, Lanes } from "./ports.ts"

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
