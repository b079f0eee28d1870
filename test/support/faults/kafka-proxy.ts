import { connect, createServer, type Socket } from "node:net"
import {
  API,
  createFrameSplitter,
  type RequestHead,
  readdress,
  requestHead,
  responseCorrelationId,
  withProduceError,
} from "./kafka-frames.ts"

/** What happens to a Produce request. */
export type ProduceFault =
  /** The broker appends it; its answer is dropped and the connection cut. */
  | { readonly kind: "lost-answer" }
  /** The broker appends it; no answer ever comes, and the connection stays. */
  | { readonly kind: "silence" }
  /** Half of it reaches the broker, then the connection is cut. */
  | { readonly kind: "cut-request" }
  /** The broker appends it; the client is told this error of the protocol. */
  | { readonly kind: "error"; readonly code: number }

export interface KafkaProxy {
  /** `host:port` for clients; they are told of this address only. */
  readonly address: string
  /** Produce requests so far. */
  readonly produced: number
  readonly injected: ReadonlyMap<ProduceFault["kind"], number>
  /** The Produce request after so many others, counted from now, and the ones after it, meet these faults in turn. */
  fault(after: number, ...faults: readonly ProduceFault[]): void
  /** False: connections are cut and new ones refused, as when the broker is gone. */
  reachable(yes: boolean): void
  close(): Promise<void>
}

/** Stands between Kafka's clients and a real broker at `host:port`, knows the protocol's frames, and fails on purpose. */
export async function startKafkaProxy(broker: string): Promise<KafkaProxy> {
  const [host = "", port = ""] = broker.split(":")
  const injected = new Map<ProduceFault["kind"], number>()
  const faults = new Map<number, ProduceFault>()
  const sockets = new Set<Socket>()
  let ownPort = 0
  let produced = 0
  let up = true

  function nextFault(): ProduceFault | null {
    const fault = faults.get(produced) ?? null
    produced += 1
    if (fault) injected.set(fault.kind, (injected.get(fault.kind) ?? 0) + 1)
    return fault
  }

  function serve(client: Socket): void {
    const upstream = connect(Number(port), host)
    const pending = new Map<number, RequestHead & { readonly fault: ProduceFault | null }>()
    const cut = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on("error", cut)
      socket.on("close", () => {
        sockets.delete(socket)
        cut()
      })
    }
    const onRequest = createFrameSplitter(frame => {
      const head = requestHead(frame)
      const fault = head.apiKey === API.produce ? nextFault() : null
      if (fault?.kind === "cut-request") {
        upstream.write(frame.subarray(0, frame.length >> 1), cut)
        return
      }
      pending.set(head.correlationId, { ...head, fault })
      upstream.write(frame)
    })
    const onResponse = createFrameSplitter(frame => {
      const request = pending.get(responseCorrelationId(frame))
      pending.delete(responseCorrelationId(frame))
      switch (request?.fault?.kind) {
        case "lost-answer":
          return cut()
        case "silence":
          return
        case "error":
          return void client.write(withProduceError(frame, request.apiVersion, request.fault.code))
        default:
          return void client.write(addressed(frame, request))
      }
    })
    client.on("data", onRequest)
    upstream.on("data", onResponse)
  }

  function addressed(frame: Buffer, request: RequestHead | undefined): Buffer {
    const namesBrokers: readonly number[] = [API.metadata, API.findCoordinator, API.describeCluster]
    if (!request || !namesBrokers.includes(request.apiKey)) return frame
    return readdress(frame, host, Number(port), ownPort)
  }

  const server = createServer(client => {
    if (up) serve(client)
    else client.destroy()
  })
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
  const bound = server.address()
  if (bound === null || typeof bound !== "object") throw new Error("the proxy has no port")
  ownPort = bound.port
  return {
    address: `${host}:${ownPort}`,
    get produced() {
      return produced
    },
    injected,
    fault(after, ...inTurn) {
      for (const [index, fault] of inTurn.entries()) faults.set(produced + after + index, fault)
    },
    reachable(yes) {
      up = yes
      if (!yes) for (const socket of sockets) socket.destroy()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
