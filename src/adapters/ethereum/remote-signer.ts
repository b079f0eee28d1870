import { toQuantity } from "ethers"
import type { Hex } from "../../chain-writer/ports.ts"
import type { KeyHolder } from "./keys.ts"
import type { UnsignedTransaction } from "./unsigned-transaction.ts"

/** The standard's method (Web3Signer, nodes), and that of Clef, which knows the other one not. */
const METHODS = ["eth_signTransaction", "account_signTransaction"] as const
type Method = (typeof METHODS)[number]

const METHOD_NOT_FOUND = -32601

export interface RemoteSignerOptions {
  /** Web3Signer's or Clef's, HTTP or HTTPS; a user and password in it are sent as basic authentication. */
  readonly url: string
  /** The accounts that it has keys of, one lane each. */
  readonly addresses: readonly Hex[]
  /** After this a request counts as unanswered. With Clef a person may have to agree. */
  readonly timeoutMs: number
}

/** The signer gave no signature. Its message names no endpoint: that may hold a password. */
export class RemoteSignerError extends Error {
  override readonly name = "RemoteSignerError"
}

/** Keys that never come here: each signature is asked for by JSON-RPC. What comes back is not believed: see createSigner. */
export function remoteKeys(options: RemoteSignerOptions): readonly KeyHolder[] {
  const ask = createAsk(options)
  let method: Method = METHODS[0]

  async function sign(transaction: Readonly<Record<string, string>>): Promise<string> {
    const answer = await ask(method, [transaction])
    const other = METHODS.find(each => each !== method)
    if (answer.error?.code !== METHOD_NOT_FOUND || !other) return signedIn(answer)
    const second = await ask(other, [transaction])
    if (second.error?.code !== METHOD_NOT_FOUND) method = other
    return signedIn(second)
  }

  return options.addresses.map(address => ({
    address,
    signTransaction: transaction => sign(toJson(address, transaction)),
  }))
}

interface Answer {
  readonly result?: unknown
  readonly error?: { readonly code?: unknown }
}

function createAsk({ url, timeoutMs }: RemoteSignerOptions) {
  const { endpoint, headers } = withoutPassword(url)
  let id = 0
  return async (method: Method, params: readonly unknown[]): Promise<Answer> => {
    id += 1
    const response = await fetch(endpoint, {
      method: "POST",
      headers,
      body: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
      // It would send the transaction on to wherever the answer says.
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error: unknown) => {
      throw new RemoteSignerError(`the signer gave no answer: ${reasonOf(error)}`)
    })
    const text = await response.text().catch((error: unknown) => {
      throw new RemoteSignerError(`the signer's answer broke off: ${reasonOf(error)}`)
    })
    const answer = parse(text)
    if (answer === null)
      throw new RemoteSignerError(`the signer answered with HTTP status ${response.status}`)
    return answer
  }
}

/** fetch refuses them in the address. */
function withoutPassword(url: string) {
  const endpoint = new URL(url)
  const headers: Record<string, string> = { "content-type": "application/json" }
  if (endpoint.username || endpoint.password) {
    const credentials = [endpoint.username, endpoint.password].map(decodeURIComponent).join(":")
    headers.authorization = `Basic ${Buffer.from(credentials).toString("base64")}`
  }
  endpoint.username = ""
  endpoint.password = ""
  return { endpoint: endpoint.href, headers }
}

/** A code or a name only: messages quote the address. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown"
  if (error.name === "TimeoutError") return "timeout"
  const cause = error.cause as { readonly code?: unknown } | undefined
  return typeof cause?.code === "string" ? cause.code : error.name
}

function parse(text: string): Answer | null {
  try {
    const answer: unknown = JSON.parse(text)
    return typeof answer === "object" && answer !== null ? answer : null
  } catch {
    return null
  }
}

/** Web3Signer gives the bytes, nodes and Clef an object with them. */
function signedIn({ result, error }: Answer): string {
  const raw = typeof result === "object" && result !== null && "raw" in result ? result.raw : result
  if (typeof raw === "string" && /^0x([0-9a-fA-F]{2})+$/.test(raw)) return raw
  // Not its message: it may quote what it was asked, or its own settings.
  const code = typeof error?.code === "number" ? error.code : "none"
  throw new RemoteSignerError(`the signer did not sign: error code ${code}`)
}

function toJson(from: Hex, transaction: UnsignedTransaction): Readonly<Record<string, string>> {
  const { to, data } = transaction
  const common = {
    from,
    ...(to !== null && { to }),
    data,
    gas: toQuantity(transaction.gasLimit),
    value: toQuantity(transaction.value),
    nonce: toQuantity(transaction.nonce),
    chainId: toQuantity(transaction.chainId),
  }
  if (transaction.type === 0) return { ...common, gasPrice: toQuantity(transaction.gasPrice) }
  return {
    ...common,
    maxFeePerGas: toQuantity(transaction.maxFeePerGas),
    maxPriorityFeePerGas: toQuantity(transaction.maxPriorityFeePerGas),
  }
}
