import type { Handler } from "hono"
import type { StageProgress } from "../../runtime/progress.ts"

export interface LivezRoute {
  readonly stages: () => readonly StageProgress[]
}

/**
 * 200 while every stage ends its passes, 503 with the names of those that do not. A server that is away fails passes
 * and ends them, so it is no reason to start this process anew.
 */
export function livez({ stages }: LivezRoute): Handler {
  return context => {
    const stuck = stages().filter(stage => stage.stuck)
    if (stuck.length === 0) return context.text("ok\n")
    return context.text(`stuck: ${stuck.map(({ stage }) => stage).join(", ")}\n`, 503)
  }
}
