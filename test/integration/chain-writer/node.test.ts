import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest"
import { createLedger } from "../../../src/adapters/ethereum/ledger.ts"
import { type ChainConnection, connectChain } from "../../../src/adapters/ethereum/provider.ts"
import { createSigner } from "../../../src/adapters/ethereum/signer.ts"
import { batchGasLimit, DEFAULT_GAS_COSTS } from "../../../src/chain-writer/batch.ts"
import { toOperation } from "../../../src/chain-writer/intake.ts"
import { openTestChain, type TestChain } from "../../support/chain.ts"
import { anyHash, anySubject, event } from "../../support/event-builders.ts"

const SECRET = "canary-key-of-the-endpoint"

describe("a node that does not answer", () => {
  let proxy: Server
  let answer: "forward" | "503" | "hang-up" | "nothing" = "forward"
  let connection: ChainConnection

  beforeAll(async () => {
    proxy = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      if (answer === "hang-up") return void request.socket.destroy()
      if (answer === "nothing") return
      if (answer === "503") return void response.writeHead(503).end("{}")
      const headers = { "content-type": "application/json" }
      const real = await fetch(inject("blockchainProviderUrl"), {
        method: "POST",
        headers,
        body: Buffer.concat(chunks),
      })
      response.writeHead(200, headers).end(Buffer.from(await real.arrayBuffer()))
    })
    await new Promise<void>(resolve => proxy.listen(0, "127.0.0.1", resolve))
    const { port } = proxy.address() as AddressInfo
    connection = await connectChain({ url: `http://127.0.0.1:${port}/${SECRET}`, requestTimeoutMs: 500 })
  })
  afterEach(() => {
    answer = "forward"
  })
  afterAll(() => {
    connection.close()
    proxy.closeAllConnections()
    proxy.close()
  })

  it.each(["503", "hang-up", "nothing"] as const)(
    "(%s) leaves a broadcast unknown, never refused",
    async way => {
      answer = way
      const hash = anyHash() as `0x${string}`
      expect((await createLedger(connection).broadcast({ raw: "0x02", hash })).kind).toBe("unknown")
    },
  )

  it.each(["503", "hang-up", "nothing"] as const)(
    "(%s) is an error that does not quote the endpoint",
    async way => {
      answer = way
      const error: unknown = await createLedger(connection)
        .blockHash(0)
        .catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(Error)
      const shown = `${error} ${(error as Error).stack} ${(error as Error).cause} ${JSON.stringify(error)}`
      expect(shown).not.toContain(SECRET)
    },
  )

  it("is asked again without a new connection, when it answers again", async () => {
    answer = "503"
    const ledger = createLedger(connection)
    await expect(ledger.blockHash(0)).rejects.toThrow()
    answer = "forward"
    expect(await ledger.blockHash(0)).toBe(connection.genesisHash)
  })
})

describe("the planned gas", () => {
  let chain: TestChain
  beforeAll(async () => {
    chain = await openTestChain()
  })
  afterAll(() => chain.close())

  it.each([1, 10, 256])(
    "is enough for %i new records in a lane's first batch, with a tenth to spare",
    async records => {
      const { connection, addresses } = chain
      const signer = createSigner(await chain.newWriter(), connection.chainId)
      const requests = Array.from({ length: records }, () =>
        event("register-patient.requested", anySubject()),
      )
      const gasLimit = batchGasLimit(records, DEFAULT_GAS_COSTS)
      const signed = await signer.sign({
        nonce: 0,
        contract: addresses.patient,
        records: requests.flatMap(request => toOperation(request) ?? []),
        gasLimit,
        pricing: "eip-1559",
        maxFeePerGasWei: 10n ** 11n,
        maxPriorityFeePerGasWei: 10n ** 9n,
      })
      const ledger = createLedger(connection)
      expect(await ledger.broadcast(signed)).toEqual({ kind: "accepted" })
      const receipt = await connection.provider.getTransactionReceipt(signed.hash)
      expect(receipt?.status).toBe(1)
      expect(receipt && receipt.gasUsed * 10n).toBeLessThan(gasLimit * 9n)
    },
  )
})
