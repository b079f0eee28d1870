import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { keccak256, Transaction } from "ethers"
import type { Random } from "../../../src/demo/random.ts"

/** What can go wrong between the chain writer and a node; each is something that was reported of real ones. */
export const RPC_FAULTS = [
  /** The node has the transaction, and the answer never comes. */
  "lost-answer",
  /** The node says yes and has forgotten it: dropped from the mempool. */
  "forgotten",
  /** The same transaction arrives twice; the second answer is the one that is seen. */
  "sent-twice",
  "http-429",
  "http-503",
  "hang-up",
  "timeout",
  /** A node behind a load balancer that has not seen the block. */
  "null-receipt",
  "stale-nonce",
  /** The answer to the last call of the same method once more. */
  "old-answer",
] as const

export type RpcFault = (typeof RPC_FAULTS)[number]

export interface FaultProxy {
  readonly url: string
  readonly injected: ReadonlyMap<RpcFault, number>
  /** JSON-RPC calls by method, those with a fault included. */
  readonly calls: ReadonlyMap<string, number>
  /** Of calls that one of them could hit, this share gets one of the faults. */
  faults(kinds: readonly RpcFault[], share: number): void
  /** The next call that it can hit gets this fault. */
  next(fault: RpcFault): void
  /** False: every connection is cut, as when the node is gone. */
  reachable(yes: boolean): void
  /** Changes answers for good: a chain of another kind. */
  rewrite: ((method: string, result: unknown) => unknown) | null
  /** A transaction with a higher gas limit is refused, as by a node with a cap of its own. */
  refuseAboveGas: bigint | null
  close(): void
}

interface Call {
  readonly id: unknown
  readonly method: string
  readonly params: readonly unknown[]
}

/** A JSON-RPC proxy that fails on purpose. `timeout` never answers: the caller's own limit has to end it. */
export async function startFaultProxy(target: string, random: Random): Promise<FaultProxy> {
  const injected = new Map<RpcFault, number>()
  const calls = new Map<string, number>()
  const lastAnswers = new Map<string, unknown>()
  const queued: RpcFault[] = []
  let kinds: readonly RpcFault[] = []
  let share = 0
  let up = true

  function choose(method: string): RpcFault | null {
    const forced = queued.findIndex(fault => canHit(fault, method))
    const possible = kinds.filter(fault => canHit(fault, method))
    const [first, ...rest] = possible
    const chosen =
      forced >= 0
        ? queued.splice(forced, 1)[0]
        : first && random.chance(share) && random.pick([first, ...rest])
    if (!chosen || (chosen === "old-answer" && !lastAnswers.has(method))) return null
    injected.set(chosen, (injected.get(chosen) ?? 0) + 1)
    return chosen
  }

  async function forward(body: string): Promise<Record<string, unknown>> {
    const headers = { "content-type": "application/json" }
    const answer = await fetch(target, { method: "POST", headers, body })
    return (await answer.json()) as Record<string, unknown>
  }

  function refused({ method, params }: Call) {
    if (method !== "eth_sendRawTransaction" || proxy.refuseAboveGas === null) return null
    const { gasLimit } = Transaction.from(String(params[0]))
    return gasLimit > proxy.refuseAboveGas ? { code: -32000, message: "exceeds block gas limit" } : null
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request)
    if (!up) return void request.socket.destroy()
    const call = JSON.parse(body) as Call
    calls.set(call.method, (calls.get(call.method) ?? 0) + 1)
    const reply = (result: Record<string, unknown>) =>
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(result))
    const fault = choose(call.method)
    switch (fault) {
      case "http-429":
        return void response.writeHead(429, { "retry-after": "0" }).end("{}")
      case "http-503":
        return void response.writeHead(503).end("{}")
      case "hang-up":
        return void request.socket.destroy()
      case "timeout":
        return
      case "forgotten":
        return void reply({ jsonrpc: "2.0", id: call.id, result: keccak256(String(call.params[0])) })
      case "null-receipt":
        return void reply({ jsonrpc: "2.0", id: call.id, result: null })
      case "old-answer":
        return void reply({ jsonrpc: "2.0", id: call.id, result: lastAnswers.get(call.method) })
      default:
        break
    }
    const refusal = refused(call)
    if (refusal) return void reply({ jsonrpc: "2.0", id: call.id, error: refusal })
    if (fault === "sent-twice") await forward(body)
    const real = await forward(body)
    if (fault === "lost-answer") return void request.socket.destroy()
    if ("result" in real) lastAnswers.set(call.method, real.result)
    if (fault === "stale-nonce") real.result = earlier(real.result)
    if (proxy.rewrite && "result" in real) real.result = proxy.rewrite(call.method, real.result)
    reply(real)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => request.socket.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    injected,
    calls,
    rewrite: null,
    refuseAboveGas: null,
    faults(of, often) {
      kinds = of
      share = often
    },
    next: fault => void queued.push(fault),
    reachable(yes) {
      up = yes
      if (!yes) server.closeAllConnections()
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return proxy
}

function canHit(fault: RpcFault, method: string): boolean {
  switch (fault) {
    case "lost-answer":
    case "forgotten":
    case "sent-twice":
      return method === "eth_sendRawTransaction"
    case "null-receipt":
      return method === "eth_getTransactionReceipt"
    case "stale-nonce":
      return method === "eth_getTransactionCount"
    case "old-answer":
      return method !== "eth_chainId"
    default:
      return true
  }
}

function earlier(nonce: unknown): string {
  return `0x${Math.max(0, Number(nonce) - 1).toString(16)}`
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString("utf8")
}
