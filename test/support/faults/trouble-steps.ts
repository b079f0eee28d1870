import type { Lanes, TransactionLog } from "../../../src/chain-writer/ports.ts"

/** What the chain writer stores beside the ordinary way of a batch, which has its points in crash-points.ts. */
export const TROUBLE_STEPS = [
  "lease",
  "release",
  "finding",
  "halt",
  "refused",
  "reorged",
  "reverted",
  "lost",
  "move-confirmed",
  "contradict",
] as const

export type TroubleStep = (typeof TROUBLE_STEPS)[number]
export type TroublePoint = `before-${TroubleStep}` | `after-${TroubleStep}`

/**
 * The same stores, with a point before and after each of those steps. Every method is named: one that is new to a port
 * does not compile until somebody has said which step it is.
 */
export function withTroublePoints(
  { lanes, log }: { readonly lanes: Lanes; readonly log: TransactionLog },
  hit: (point: TroublePoint) => void,
): { readonly lanes: Lanes; readonly log: TransactionLog } {
  async function around<T>(step: TroubleStep | null, write: () => Promise<T>): Promise<T> {
    if (step) hit(`before-${step}`)
    const written = await write()
    if (step) hit(`after-${step}`)
    return written
  }

  return {
    lanes: {
      lease: request => around("lease", () => lanes.lease(request)),
      release: lane => around("release", () => lanes.release(lane)),
      setFinding: (...finding) => around("finding", () => lanes.setFinding(...finding)),
      halt: (...finding) => around("halt", () => lanes.halt(...finding)),
    },
    log: {
      ready: () => log.ready(),
      waiting: (...type) => log.waiting(...type),
      open: lane => log.open(lane),
      settledBytes: (...from) => log.settledBytes(...from),
      confirmed: (...page) => log.confirmed(...page),
      // These have points of their own in the writer.
      reserve: (...claim) => log.reserve(...claim),
      saveAttempt: (...attempt) => log.saveAttempt(...attempt),
      advance: (lane, id, advance) =>
        around(advance.to === "refused" || advance.to === "reorged" ? advance.to : null, () =>
          log.advance(lane, id, advance),
        ),
      settle: (lane, id, settlement) =>
        around(settlement.as === "confirmed" ? null : settlement.as, () => log.settle(lane, id, settlement)),
      moveConfirmed: (...to) => around("move-confirmed", () => log.moveConfirmed(...to)),
      contradict: (...what) => around("contradict", () => log.contradict(...what)),
    },
  }
}
