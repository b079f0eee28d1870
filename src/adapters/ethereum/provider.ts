import { type JsonRpcPayload, JsonRpcProvider, Network } from "ethers"
import type { Hex } from "../../chain-writer/ports.ts"
import { type Clock, systemClock } from "../../runtime/clock.ts"
import { UnavailableError } from "../../runtime/errors.ts"
import { type Logger, silentLogger } from "../../runtime/logger.ts"
import { createEndpoints } from "./endpoints.ts"
import { NodeUnreachableError, toNodeError } from "./node-error.ts"

export interface ChainConnection {
  readonly provider: JsonRpcProvider
  readonly chainId: bigint
  readonly genesisHash: Hex
  /** Of several endpoints, one with other code at these addresses is not asked any more. */
  requireCode(codes: ReadonlyMap<Hex, Hex>): void
  close(): void
}

export interface ChainOptions {
  /** One endpoint, or several separated by commas: the next is asked when one gives no answer. */
  readonly url: string
  /** After this a request counts as unanswered. */
  readonly requestTimeoutMs: number
  readonly clock?: Clock
  readonly logger?: Logger
}

/**
 * Connects to a chain. Throws UnavailableError when no endpoint answers.
 * Settings that matter: without `cacheTimeout: -1` a nonce or block is served from 250 ms ago; batches tie the fate of
 * unrelated requests together; and a detected network would be asked for again and again.
 */
export async function connectChain(options: ChainOptions): Promise<ChainConnection> {
  const { requestTimeoutMs, clock = systemClock, logger = silentLogger } = options
  const urls = options.url.split(",").map(url => url.trim())
  const endpoints = createEndpoints({ urls, requestTimeoutMs, clock, logger })
  const identity = await endpoints.identify().catch((error: unknown) => {
    const { message } = toNodeError(error)
    throw new UnavailableError(`Check BLOCKCHAIN_PROVIDER_URL and that the node runs: ${message}.`)
  })
  endpoints.require(identity)
  const network = Network.from(identity.chainId)
  const provider = new JsonRpcProvider(urls[0], network, {
    staticNetwork: network,
    cacheTimeout: -1,
    batchMaxCount: 1,
  })
  // What the nodes themselves answered, errors too, goes on to be classified; all else is NodeUnreachableError.
  provider._send = payload => endpoints.send(payload)
  sendAtOnce(provider)
  const { requireCode } = endpoints
  return { provider, ...identity, requireCode, close: () => provider.destroy() }
}

/** Past ethers' queue: it holds every request back for one turn of a timer, 1 ms and more, a dozen times a batch. */
function sendAtOnce(provider: JsonRpcProvider): void {
  let lastId = 0
  provider.send = async (method, params) => {
    lastId += 1
    const payload: JsonRpcPayload = { jsonrpc: "2.0", id: lastId, method, params }
    const answers = await provider._send(payload)
    const answer = answers.find(({ id }) => id === payload.id)
    if (!answer) throw new NodeUnreachableError("NO_RESULT", `no answer to ${method}`)
    if ("result" in answer) return answer.result
    throw provider.getRpcError(payload, answer)
  }
}
