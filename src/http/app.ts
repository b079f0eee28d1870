import { Hono } from "hono"
import type { Logger } from "../runtime/logger.ts"
import { allowHosts, requireToken } from "./guard.ts"
import { livez } from "./routes/livez.ts"
import { type MetricsRoute, metrics } from "./routes/metrics.ts"
import { type ReadyzRoute, readyz } from "./routes/readyz.ts"

export interface HttpAppOptions extends MetricsRoute, ReadyzRoute {
  /** Null: whoever reaches the address may ask everything. Read at each request, so that it can be changed. */
  readonly token: (() => string) | null
  /** Names beside IP addresses and localhost, in lower case. */
  readonly allowedHosts: readonly string[]
  readonly logger: Logger
}

/** What a running service answers. Errors are logged here and told as such, without their text. */
export function createHttpApp(options: HttpAppOptions): Hono {
  const app = new Hono()
  app.use(allowHosts(options.allowedHosts))
  app.use(async (context, next) => {
    await next()
    context.header("cache-control", "no-store")
    context.header("x-content-type-options", "nosniff")
  })
  if (options.token) app.use(requireToken(options.token))
  app.get("/livez", livez(options))
  app.get("/readyz", readyz(options))
  app.get("/metrics", metrics(options))
  app.notFound(context => context.text("not found\n", 404))
  app.onError((error, context) => {
    options.logger.warn({ err: error, path: context.req.path }, "a request could not be answered")
    return context.text("internal error\n", 500)
  })
  return app
}
