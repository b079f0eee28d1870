import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { checkContracts } from "../../../src/adapters/ethereum/check-contracts.ts"
import { deployContracts } from "../../../src/adapters/ethereum/deploy.ts"
import { connectChain } from "../../../src/adapters/ethereum/provider.ts"
import type { RegistryAddresses } from "../../../src/adapters/ethereum/registries.ts"
import { UnavailableError } from "../../../src/runtime/errors.ts"
import { openTestChain, type TestChain } from "../../support/chain.ts"

describe("deployment", () => {
  let chain: TestChain
  beforeAll(async () => {
    chain = await openTestChain()
  })
  afterAll(() => chain.close())

  async function problems(addresses: RegistryAddresses, confirmations = 1) {
    const writers = [(await chain.newAccount()).address]
    const found = await checkContracts({ connection: chain.connection, addresses, writers, confirmations })
    return found.map(({ kind }) => kind).sort()
  }

  it("makes registries that the lanes may write to, and that a check finds right", async () => {
    const { connection } = chain
    const writers = [(await chain.newAccount()).address, (await chain.newAccount()).address]
    const addresses = await deployContracts({ connection, deployer: await chain.newAccount(), writers })
    expect(new Set(Object.values(addresses)).size).toBe(3)
    expect(await checkContracts({ connection, addresses, writers, confirmations: 1 })).toEqual([])
  })

  it("says in one sentence that the deployer cannot pay", async () => {
    const deployer = await chain.newAccount(0n)
    const deploying = deployContracts({ connection: chain.connection, deployer, writers: [] })
    await expect(deploying).rejects.toMatchObject({
      exitCode: 78,
      message: expect.stringMatching(/cannot pay.{0,40}$/),
    })
  })

  it("is checked: roles, exchanged addresses, no code, confirmations that never come", async () => {
    const { addresses } = chain
    expect(await problems(addresses)).toEqual(["no-writer-role", "no-writer-role", "no-writer-role"])
    const exchanged = {
      ...addresses,
      patient: addresses["ip-block"],
      "ip-block": `0x${"00cd".repeat(10)}`,
    } as const
    expect(await problems(exchanged)).toEqual(["no-code", "no-writer-role", "other-code"])
    expect(await problems(addresses, 3)).toContain("never-confirms")
  })

  it("is checked for a pause", async () => {
    await chain.admin("ip-block", "pause")
    expect(await problems(chain.addresses)).toContain("paused")
  })

  it("says in one sentence that the node does not answer, and does not quote the address", async () => {
    const lost = connectChain({ url: "http://user:secret@127.0.0.1:9", requestTimeoutMs: 1_000 })
    await expect(lost).rejects.toThrow(UnavailableError)
    await expect(lost).rejects.not.toThrow(/secret/)
  })
})
