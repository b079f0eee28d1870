import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  developmentKey,
  type KeyHolder,
  keyFromFile,
  keyFromHex,
} from "../../../../src/adapters/ethereum/keys.ts"
import { createSigner } from "../../../../src/adapters/ethereum/signer.ts"
import { ConfigurationError } from "../../../../src/runtime/errors.ts"

const KEY = `0x${"17".repeat(32)}`

describe("a key file", () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "keys-"))
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function file(contents: string, mode: number): Promise<string> {
    const path = join(folder, `${mode}-${contents.length}`)
    await writeFile(path, contents)
    await chmod(path, mode)
    return path
  }

  it("gives the key's holder, with the address in lower case", async () => {
    expect((await keyFromFile(await file(`${KEY}\n`, 0o600))).address).toBe(keyFromHex(KEY).address)
    expect(keyFromHex(KEY).address).toMatch(/^0x[0-9a-f]{40}$/)
  })

  it("is refused when others may read it", async () => {
    await expect(keyFromFile(await file(KEY, 0o640))).rejects.toThrow(/chmod 600/)
  })

  it.each(["", KEY.slice(2), `0x${"0".repeat(64)}`, `${KEY} `.repeat(2)])(
    "with something else is refused without saying what is in it: %#",
    async contents => {
      const refusal = await keyFromFile(await file(contents, 0o600)).catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(ConfigurationError)
      expect(`${refusal} ${(refusal as Error).cause}`).not.toContain("17171717")
    },
  )

  it("that is not there is refused by name", async () => {
    await expect(keyFromFile(join(folder, "none"))).rejects.toThrow(/none cannot be read \(ENOENT\)/)
  })
})

describe("development keys", () => {
  it("are those every development node has", () => {
    expect(developmentKey(31337n, 0).address).toBe("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266")
  })

  it("are refused on any other chain", () => {
    expect(() => developmentKey(1n, 0)).toThrow(ConfigurationError)
  })
})

describe("a signer", () => {
  const batch = {
    nonce: 4,
    contract: `0x${"c0".repeat(20)}`,
    records: [{ subject: `0x${"5b".repeat(32)}`, word: 7n << 192n }],
    gasLimit: 90_000n,
    pricing: "eip-1559",
    maxFeePerGasWei: 20n,
    maxPriorityFeePerGasWei: 2n,
  } as const

  it("signs the same batch into the same bytes", async () => {
    const signer = createSigner(keyFromHex(KEY), 31337n)
    expect(await signer.sign(batch)).toEqual(await signer.sign(batch))
  })

  it("does not trust a key store that changes the transaction or uses another key", async () => {
    const honest = keyFromHex(KEY)
    const changing: KeyHolder = {
      ...honest,
      signTransaction: unsigned => honest.signTransaction({ ...unsigned, gasLimit: 1n }),
    }
    await expect(createSigner(changing, 31337n).sign(batch)).rejects.toThrow(/something else/)
    const other: KeyHolder = { ...keyFromHex(`0x${"18".repeat(32)}`), address: honest.address }
    await expect(createSigner(other, 31337n).sign(batch)).rejects.toThrow(/something else/)
  })
})
