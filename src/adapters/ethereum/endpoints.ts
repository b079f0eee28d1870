import { FetchRequest, type JsonRpcPayload, type JsonRpcResult } from "ethers"
import type { Hex } from "../../chain-writer/ports.ts"
import type { Clock } from "../../runtime/clock.ts"
import type { Logger } from "../../runtime/logger.ts"
import { NodeUnreachableError, toNodeError } from "./node-error.ts"
import { lowerHex } from "./registries.ts"

/** Who they say they are is asked again so often, and at each change to another. */
const RECHECK_MS = 15_000
/** An endpoint that failed is asked last for so long. */
const REST_MS = 5_000
/** Blocks behind the highest head any of them has: beyond this one lags, and is not believed. */
const MAX_LAG_BLOCKS = 3

export interface ChainIdentity {
  readonly chainId: bigint
  readonly genesisHash: Hex
}

export interface EndpointsOptions {
  readonly urls: readonly string[]
  readonly requestTimeoutMs: number
  readonly clock: Clock
  readonly logger: Logger
}

/** Several nodes of one chain, asked one at a time: the same one as long as it answers. */
export interface Endpoints {
  /** From the first that answers. Throws NodeUnreachableError when none does. */
  identify(): Promise<ChainIdentity>
  /** From now on an endpoint with another chain id, genesis block or code at these addresses is never asked. */
  require(identity: ChainIdentity): void
  requireCode(codes: ReadonlyMap<Hex, Hex>): void
  /** What is asked twice because the first one gave no answer may have arrived twice: fine for signed transactions. */
  send(payload: JsonRpcPayload | JsonRpcPayload[]): Promise<JsonRpcResult[]>
}

interface Endpoint {
  /** Position in the setting, from 1; the URL may hold a key and is never shown. */
  readonly number: number
  readonly url: string
  restsUntilMs: number
  vouchedMs: number
}

export function createEndpoints({ urls, requestTimeoutMs, clock, logger }: EndpointsOptions): Endpoints {
  const endpoints = urls.map((url, index): Endpoint => {
    return { number: index + 1, url, restsUntilMs: 0, vouchedMs: Number.NEGATIVE_INFINITY }
  })
  let current = endpoints[0]
  let identity: ChainIdentity | null = null
  let codes: ReadonlyMap<Hex, Hex> = new Map()

  async function post(
    { url }: Endpoint,
    payload: JsonRpcPayload | JsonRpcPayload[],
  ): Promise<JsonRpcResult[]> {
    const request = new FetchRequest(url)
    request.timeout = requestTimeoutMs
    // ethers' own retries of HTTP errors would send a transaction again behind our back.
    request.setThrottleParams({ maxAttempts: 1 })
    request.body = JSON.stringify(payload)
    request.setHeader("content-type", "application/json")
    const response = await request.send()
    response.assertOk()
    const results = response.bodyJson as JsonRpcResult | JsonRpcResult[]
    return Array.isArray(results) ? results : [results]
  }

  async function ask<T>(endpoint: Endpoint, method: string, params: readonly unknown[]): Promise<T> {
    const [answer] = await post(endpoint, { jsonrpc: "2.0", id: 1, method, params: [...params] })
    if (!answer || !("result" in answer))
      throw new NodeUnreachableError("NO_RESULT", `no answer to ${method}`)
    return answer.result as T
  }

  async function identityOf(endpoint: Endpoint): Promise<ChainIdentity> {
    const chainId = BigInt(await ask<string>(endpoint, "eth_chainId", []))
    const genesis = await ask<{ hash: string } | null>(endpoint, "eth_getBlockByNumber", ["0x0", false])
    if (!genesis) throw new NodeUnreachableError("NO_GENESIS", "it has no genesis block")
    return { chainId, genesisHash: lowerHex(genesis.hash) }
  }

  const headOf = async (endpoint: Endpoint) => Number(await ask<string>(endpoint, "eth_blockNumber", []))

  /** Null when it may be believed; else why not. With one endpoint there is no other to prefer: the lanes look themselves. */
  async function objection(endpoint: Endpoint): Promise<string | null> {
    if (!identity || endpoints.length === 1) return null
    const found = await identityOf(endpoint)
    if (found.chainId !== identity.chainId) return `chain id ${found.chainId} instead of ${identity.chainId}`
    if (found.genesisHash !== identity.genesisHash) return "another genesis block"
    for (const [address, code] of codes) {
      if ((await ask<string>(endpoint, "eth_getCode", [address, "latest"])) !== code) return "other contracts"
    }
    const heads = await Promise.all(endpoints.map(each => headOf(each).catch(() => -1)))
    const lag = Math.max(...heads) - (await headOf(endpoint))
    return lag > MAX_LAG_BLOCKS ? `${lag} blocks behind` : null
  }

  async function vouched(endpoint: Endpoint): Promise<void> {
    const nowMs = clock.nowMs()
    if (endpoint === current && nowMs - endpoint.vouchedMs < RECHECK_MS) return
    const reason = await objection(endpoint)
    if (reason !== null) throw new NodeUnreachableError("NOT_BELIEVED", reason)
    endpoint.vouchedMs = nowMs
  }

  /** The one in use, the others in their order, and last those that failed a moment ago. */
  function inOrder(): Endpoint[] {
    const nowMs = clock.nowMs()
    const rank = (endpoint: Endpoint) => (endpoint.restsUntilMs > nowMs ? 2 : endpoint === current ? 0 : 1)
    return endpoints.toSorted((a, b) => rank(a) - rank(b) || a.number - b.number)
  }

  async function first<T>(work: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    let failure = new NodeUnreachableError("NO_ENDPOINT", "none is configured")
    for (const endpoint of inOrder()) {
      try {
        const answer = await work(endpoint)
        if (current !== endpoint)
          logger.warn({ endpoint: endpoint.number }, "another node is asked from now on")
        current = endpoint
        endpoint.restsUntilMs = 0
        return answer
      } catch (error) {
        failure = error instanceof NodeUnreachableError ? error : toNodeError(error)
        endpoint.restsUntilMs = clock.nowMs() + REST_MS
        const { message } = failure
        if (endpoints.length > 1)
          logger.debug({ endpoint: endpoint.number, message }, "a node is passed over")
      }
    }
    throw failure
  }

  return {
    identify: () => first(identityOf),
    require: wanted => {
      identity = wanted
    },
    requireCode: wanted => {
      codes = wanted
    },
    send: payload =>
      first(async endpoint => {
        await vouched(endpoint)
        return post(endpoint, payload)
      }),
  }
}
