import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Transaction, type TransactionLike, Wallet } from "ethers"
import { lowerHex } from "../../src/adapters/ethereum/registries.ts"
import type { Hex } from "../../src/chain-writer/ports.ts"

/** `silent`: takes the request and never answers. `down`: hangs up. */
export type SignerMood =
  | "good"
  | "slow"
  | "silent"
  | "down"
  | "refuses"
  | "no-json"
  | "other-key"
  | "other-nonce"
  | "other-data"
  | "higher-fee"
  | "redirects"

export interface TestSigner {
  readonly url: string
  /** From now on. */
  mood(mood: SignerMood): void
  /** What it was asked, in order. */
  readonly asked: readonly { readonly method: string; readonly authorization: string | undefined }[]
  /** Resolves when a request has come and waits for its answer. */
  waiting(): Promise<void>
  /** Answers what waits. */
  answer(): void
  add(privateKey: string): Hex
  close(): void
}

/**
 * A server that signs over real HTTP as Web3Signer does (or, `kind` clef, as Clef): ethers signs, and the way there is
 * real. It stands in for both: neither product was tried.
 */
export async function startTestSigner(kind: "web3signer" | "clef" = "web3signer"): Promise<TestSigner> {
  const wallets = new Map<Hex, Wallet>()
  const asked: { method: string; authorization: string | undefined }[] = []
  let current: SignerMood = "good"
  let wait = Promise.withResolvers<void>()
  let held = Promise.withResolvers<void>()
  const known = kind === "clef" ? "account_signTransaction" : "eth_signTransaction"

  async function sign(asks: Record<string, string>): Promise<unknown> {
    const wallet = current === "other-key" ? Wallet.createRandom() : wallets.get(lowerHex(asks.from ?? "0x"))
    if (!wallet || current === "refuses") return { error: { code: -32000, message: "secret-of-the-signer" } }
    const raw = await wallet.signTransaction(fields(asks, current))
    return { result: kind === "clef" ? { raw, tx: { hash: Transaction.from(raw).hash } } : raw }
  }

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString())
    asked.push({ method, authorization: request.headers.authorization })
    if (current === "down") return void request.socket.destroy()
    if (current === "silent") return
    if (current === "no-json") return void response.writeHead(502).end("<html>bad gateway</html>")
    if (current === "redirects") return void response.writeHead(307, { location: "http://127.0.0.1:9" }).end()
    if (current === "slow") {
      held.resolve()
      await wait.promise
    }
    const answer = method === known ? await sign(params[0]) : { error: { code: -32601, message: "no such" } }
    response.writeHead(200, { "content-type": "application/json" })
    response.end(JSON.stringify({ jsonrpc: "2.0", id, ...(answer as object) }))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    mood(mood) {
      current = mood
    },
    waiting: () => held.promise,
    answer() {
      wait.resolve()
      wait = Promise.withResolvers<void>()
      held = Promise.withResolvers<void>()
    },
    add(privateKey) {
      const wallet = new Wallet(privateKey)
      const address = lowerHex(wallet.address)
      wallets.set(address, wallet)
      return address
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function fields(asks: Record<string, string>, mood: SignerMood): TransactionLike {
  const { from: _from, gas = "0x0", nonce = "0x0", data = "0x", maxFeePerGas, ...rest } = asks
  return {
    ...rest,
    type: maxFeePerGas === undefined ? 0 : 2,
    gasLimit: gas,
    nonce: Number(nonce) + (mood === "other-nonce" ? 1 : 0),
    data: mood === "other-data" ? `${data}00` : data,
    ...(maxFeePerGas !== undefined && {
      maxFeePerGas: BigInt(maxFeePerGas) + (mood === "higher-fee" ? 1n : 0n),
    }),
  }
}
