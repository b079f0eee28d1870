import type { Handler } from "hono"
import type { StageProgress } from "../../runtime/progress.ts"

export interface ReadyzRoute {
  readonly stages: () => readonly StageProgress[]
  /** Servers that the service needs, each with a question; it rejects where there is no answer. */
  readonly servers: Readonly<Record<string, () => Promise<unknown>>>
  readonly withinMs: number
}

/** 200 when every server answers and no stage's last pass failed; `?verbose` names each. Reasons are in the log. */
export function readyz({ stages, servers, withinMs }: ReadyzRoute): Handler {
  return async context => {
    const answers = Object.entries(servers).map(
      async ([name, ask]) => [name, await answersWithin(ask, withinMs)] as const,
    )
    const checks = [
      ...(await Promise.all(answers)),
      ...stages().map(({ stage, failing, stuck }) => [stage, !failing && !stuck] as const),
    ]
    const isReady = checks.every(([, isFine]) => isFine)
    const status = isReady ? 200 : 503
    if (context.req.query("verbose") === undefined)
      return context.text(isReady ? "ok\n" : "not ready\n", status)
    return context.text(checks.map(([name, isFine]) => `[${isFine ? "+" : "-"}] ${name}\n`).join(""), status)
  }
}

async function answersWithin(ask: () => Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(resolve, ms, false)
  try {
    return await Promise.race([
      ask().then(
        () => true,
        () => false,
      ),
      late,
    ])
  } finally {
    clearTimeout(timer)
  }
}
