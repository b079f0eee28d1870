import { connect, createServer, type Socket } from "node:net"

/** How a connection ends: in order, or with a reset. */
export const ENDINGS = ["closed", "reset"] as const
export type Ending = (typeof ENDINGS)[number]

export interface TcpProxy {
  /** The URL given, with this proxy's port. */
  readonly url: string
  /** Ends all connections there are. */
  cut(how: Ending): void
  /** The next so many connections end when the server says for the first time that it is ready, and something is sent. */
  cutNextWhenReady(count: number): void
  close(): Promise<void>
}

/** Postgres' ReadyForQuery: "Z", a length of 5, "I" for idle. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])

/** Stands before a PostgreSQL server on this machine and ends connections on purpose. */
export async function startTcpProxy(databaseUrl: string): Promise<TcpProxy> {
  const target = new URL(databaseUrl)
  const clients = new Set<Socket>()
  let toCut = 0
  const server = createServer(client => {
    const upstream = connect(Number(target.port), target.hostname)
    clients.add(client)
    const end = () => {
      clients.delete(client)
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end)
    const cutsWhenReady = toCut > 0
    if (cutsWhenReady) toCut -= 1
    let isReady = false
    client.on("data", chunk => {
      if (cutsWhenReady && isReady) end()
      else upstream.write(chunk)
    })
    upstream.on("data", chunk => {
      isReady ||= chunk.subarray(-READY.length).equals(READY)
      client.write(chunk)
    })
  })
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const url = new URL(databaseUrl)
  url.port = String(typeof address === "object" ? address?.port : 0)
  return {
    url: url.href,
    cut(how) {
      for (const client of clients) {
        if (how === "reset") client.resetAndDestroy()
        else client.destroy()
      }
    },
    cutNextWhenReady(count) {
      toCut = count
    },
    async close() {
      for (const client of clients) client.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
