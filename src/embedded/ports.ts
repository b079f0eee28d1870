import { createServer } from "node:net"
import { EmbeddedError } from "./error.ts"

const tries = 5

/** A TCP port on 127.0.0.1 that was free a moment ago. Somebody else may take it before it is used. */
export async function freePort(): Promise<number> {
  const port = await listenOnce(0)
  if (port === undefined) throw new EmbeddedError("No free TCP port is left on 127.0.0.1.")
  return port
}

/**
 * Calls `use` with a port. A port asked for must be free, otherwise `EmbeddedError` (78) names it.
 * A port that nobody asked for is chosen, and chosen again when `use` finds it taken after all.
 */
export async function withPort<T>(
  owner: string,
  requested: number | undefined,
  use: (port: number) => Promise<T | "port-taken">,
): Promise<T> {
  if (requested !== undefined && (await listenOnce(requested)) === undefined) throw occupied(owner, requested)
  for (let attempt = 1; attempt <= tries; attempt++) {
    const result = await use(requested ?? (await freePort()))
    if (result !== "port-taken") return result
    if (requested !== undefined) throw occupied(owner, requested)
  }
  throw new EmbeddedError(`${owner} found ${tries} ports in a row taken by others. Try again.`)
}

/** The port bound, or undefined if it is taken. */
function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(undefined)
      else reject(error)
    })
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port))
    })
  })
}

function occupied(owner: string, port: number): EmbeddedError {
  return new EmbeddedError(
    `Port ${port}, asked for by ${owner}, is taken or not allowed. Stop the process that listens there ` +
      `(find it with: ss -ltnp 'sport = :${port}'), or ask for no port so that a free one is chosen.`,
    78,
  )
}
