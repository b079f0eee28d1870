import type { OperationType } from "../domain/operation.ts"
import type { Logger } from "../runtime/logger.ts"
import { type Finding, STAYING_FINDINGS } from "./finding.ts"
import type { Lane, Lanes } from "./ports.ts"

/** Remembers what holds, so that only a change is stored and logged. */
export interface Findings {
  set(lane: Lane, finding: Finding, type: OperationType | null, present: boolean): Promise<void>
  /** Sets one that keeps the lane from beginning anything until a person resumes it. */
  halt(lane: Lane, finding: Finding): Promise<void>
  has(finding: Finding): boolean
  /** The lane is not halted (any more): what only a person ends has ended. */
  resumed(): void
  /** After a new lease: what the last holder found is no longer known to hold. */
  forget(): void
}

export function createFindings(lanes: Lanes, logger: Logger): Findings {
  const present = new Set<string>()
  return {
    async set(lane, finding, type, isPresent) {
      const key = `${finding} ${type ?? ""}`
      // One that a person ends may have ended behind our back.
      if (present.has(key) === isPresent && !(isPresent && STAYING_FINDINGS.includes(finding))) return
      await lanes.setFinding(lane, finding, type, isPresent)
      if (isPresent) {
        present.add(key)
        logger.warn({ lane: lane.address, finding, type }, "lane finding")
      } else {
        present.delete(key)
        logger.info({ lane: lane.address, finding, type }, "lane finding ended")
      }
    },
    async halt(lane, finding) {
      await lanes.halt(lane, finding)
      if (!present.has(`${finding} `)) logger.error({ lane: lane.address, finding }, "lane halted")
      present.add(`${finding} `)
    },
    resumed() {
      for (const finding of STAYING_FINDINGS) if (finding !== "foreign-nonce") present.delete(`${finding} `)
    },
    has: finding => [...present].some(key => key.startsWith(`${finding} `)),
    forget: () => present.clear(),
  }
}
