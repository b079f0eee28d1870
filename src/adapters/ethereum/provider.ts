import { FetchRequest, JsonRpcProvider, Network } from "ethers"
import type { Hex } from "../../chain-writer/ports.ts"
import { UnavailableError } from "../../runtime/errors.ts"
import { toNodeError } from "./node-error.ts"
import { lowerHex } from "./registries.ts"

export interface ChainConnection {
  readonly provider: JsonRpcProvider
  readonly chainId: bigint
  readonly genesisHash: Hex
  close(): void
}

export interface ChainOptions {
  readonly url: string
  /** After this a request counts as unanswered. */
  readonly requestTimeoutMs: number
}

/**
 * Connects to a node. Throws UnavailableError when it does not answer.
 * Settings that matter: without `cacheTimeout: -1` a nonce or block is served from 250 ms ago; batches tie the fate of
 * unrelated requests together; a detected network would be asked for again and again; and ethers' own retries of HTTP
 * errors would send a transaction again behind our back.
 */
export async function connectChain(options: ChainOptions): Promise<ChainConnection> {
  const request = new FetchRequest(options.url)
  request.timeout = options.requestTimeoutMs
  request.setThrottleParams({ maxAttempts: 1 })
  const chainId = await askChainId(request)
  const network = Network.from(chainId)
  const provider = new JsonRpcProvider(request, network, {
    staticNetwork: network,
    cacheTimeout: -1,
    batchMaxCount: 1,
  })
  hideEndpoint(provider)
  const genesis: { hash: string } | null = await provider.send("eth_getBlockByNumber", ["0x0", false])
  if (!genesis) {
    provider.destroy()
    throw new UnavailableError("The chain's node has no genesis block.")
  }
  return { provider, chainId, genesisHash: lowerHex(genesis.hash), close: () => provider.destroy() }
}

/** Asked without a provider: JsonRpcProvider retries for ever, in the background, while a node is down. */
async function askChainId(request: FetchRequest): Promise<bigint> {
  const call = request.clone()
  call.body = { jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] }
  try {
    const response = await call.send()
    response.assertOk()
    return BigInt(response.bodyJson.result)
  } catch (error) {
    const { message } = toNodeError(error)
    throw new UnavailableError(`Check BLOCKCHAIN_PROVIDER_URL and that the node runs: ${message}.`)
  }
}

/** Transport errors only: what the node itself answered goes on to be classified. */
function hideEndpoint(provider: JsonRpcProvider): void {
  const send = provider._send.bind(provider)
  provider._send = payload =>
    send(payload).catch((error: unknown) => {
      throw toNodeError(error)
    })
}
