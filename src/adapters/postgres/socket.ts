import { isIP, Socket } from "node:net"
import { Duplex } from "node:stream"
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls"

/** What of the driver's settings a socket needs; `path` is that of a Unix socket. */
interface Place {
  readonly host: readonly string[]
  readonly port: readonly number[]
  readonly path: string | undefined
}

export interface Encryption {
  /** False: in the clear with a server that has no TLS. */
  readonly required: boolean
  /** Asked at each connection. */
  readonly options: () => ConnectionOptions
}

const CONNECT_WITHIN_MS = 10_000
/** Between a transaction's last statement and the end of its connection: by then the driver has written it. */
const GOODBYE_MS = 20
/** For a transaction that asks nothing: longer, and whoever waits for the connection waits for it. */
const SILENCE_MS = 2_000

/**
 * Opens the driver's connections, each of which ends in a way that the driver can bear: it tells its statements that the
 * connection is gone, and lets it go after the last of them. The driver itself does it at once, and is then given the ROLLBACK
 * of the transaction that failed: on a connection without a socket it ends the process, on a half-closed one it waits
 * for the answer for ever, and that connection is lost to the pool.
 */
export function socketsTo(encryption: Encryption | null): (place: Place) => Promise<Duplex> {
  let tries = 0
  return async place => {
    const at = tries++ % place.host.length
    const host = place.host[at] ?? ""
    const socket = new Socket()
    if (place.path) socket.connect(place.path)
    else socket.connect(place.port[at] ?? 0, host)
    if (!encryption || place.path) return endingGently(socket)
    try {
      return endingGently(await encrypted(socket, host, encryption))
    } catch (error) {
      return endingGently(failing(error))
    }
  }
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const HAS_TLS = "S".charCodeAt(0)

/** The server is asked in the clear first. Resolves before the certificate is checked: nothing is sent until it is. */
async function encrypted(socket: Socket, host: string, { required, options }: Encryption): Promise<Socket> {
  const hasTls = await new Promise<boolean>((resolve, reject) => {
    socket.setTimeout(CONNECT_WITHIN_MS, () => reject(new Error("the server does not answer")))
    socket.once("error", reject)
    socket.once("close", () => reject(new Error("the server ended the connection")))
    socket.once("data", answer => resolve(answer[0] === HAS_TLS))
    socket.write(SSL_REQUEST)
  }).catch(error => {
    socket.destroy()
    throw error
  })
  socket.setTimeout(0)
  socket.removeAllListeners()
  if (!hasTls && required) {
    socket.destroy()
    throw new Error("the server does not speak TLS")
  }
  const name = isIP(host) ? {} : { servername: host }
  return hasTls ? connectTls({ socket, ...name, ...options() }) : socket
}

/** What is no socket yet, and fails as one. */
function failing(error: unknown): Duplex {
  const never = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
  setImmediate(() => never.destroy(error instanceof Error ? error : new Error(String(error))))
  return never
}

/** ReadyForQuery: "Z", a length of 5, and "I" for idle, "T" within a transaction, "E" within a failed one. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5])
const IDLE = "I".charCodeAt(0)

type Emit = (name: string | symbol, ...args: unknown[]) => boolean

/**
 * From the first time on that the server is ready: before, the driver's own way is to connect again. Only within a
 * transaction is there a while between the two: there no other than its own statements can come, and what the driver has
 * still to write when it lets go would be stuck in it.
 */
function endingGently<T extends Duplex | TLSSocket>(socket: T): T {
  const emit: Emit = socket.emit.bind(socket)
  let state: "connecting" | "idle" | "in transaction" = "connecting"
  let cause: unknown

  function tell(): void {
    if (socket.listenerCount("error") > 0) emit("error", cause)
  }

  function end(): void {
    tell()
    emit("close", true)
  }

  function note(chunk: Buffer): void {
    if (!chunk.subarray(-READY.length - 1, -1).equals(READY)) return
    state = chunk.at(-1) === IDLE ? "idle" : "in transaction"
  }

  socket.emit = (name: string | symbol, ...args: unknown[]) => {
    if (name === "data" && args[0] instanceof Buffer) note(args[0])
    if (state === "connecting") return emit(name, ...args)
    // Told with the end: between an error and its end the driver still gives it statements, which nobody answers.
    // Writing to it once it is gone fails as well, which is no news.
    if (name === "error") cause ??= args[0]
    if (name === "error") return true
    if (name !== "close") return emit(name, ...args)
    cause ??= Object.assign(new Error("the server ended the connection"), { code: "CONNECTION_CLOSED" })
    if (state === "idle") end()
    else {
      tell()
      answerForGone()
    }
    return true
  }

  /**
   * A transaction may be busy with something else for long, and goes on on what it takes for its connection. Were that
   * let go, the driver would connect it again, and run the rest of the transaction there without one.
   */
  function answerForGone(): void {
    let ending = setTimeout(end, SILENCE_MS)
    // Its ROLLBACK follows on the refusal in the same turn; a named statement does not show what it is.
    socket.write = () => {
      setImmediate(tell)
      clearTimeout(ending)
      ending = setTimeout(end, GOODBYE_MS)
      return true
    }
  }
  return socket
}
