import { createAdaptorServer } from "@hono/node-server"
import type { Hono } from "hono"
import { UnavailableError } from "../runtime/errors.ts"

export interface HttpServer {
  /** With the port that was really taken. */
  readonly url: string
  close(): Promise<void>
}

const REQUEST_TIMEOUT_MS = 10_000
const MAX_CONNECTIONS = 64

/** Listens, or throws UnavailableError when the address cannot be had. Nothing is read of a body: no route has one. */
export async function openHttpServer(app: Hono, at: { host: string; port: number }): Promise<HttpServer> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
  })
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once("error", cause =>
      reject(
        new UnavailableError(
          `Nothing can listen at ${at.host}, port ${at.port} (HTTP_HOST, HTTP_PORT): is it in use? 0 takes a free port.`,
          { cause },
        ),
      ),
    )
    server.listen(at.port, at.host, resolve)
  })
  const address = server.address()
  const port = typeof address === "object" && address ? address.port : at.port
  return {
    url: `http://${at.host.includes(":") ? `[${at.host}]` : at.host}:${port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        if ("closeAllConnections" in server) server.closeAllConnections()
      }),
  }
}
