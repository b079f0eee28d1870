import { randomBytes } from "node:crypto"
import { encodeRlp as ethersEncodeRlp, SigningKey, Transaction } from "ethers"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { batchCalldata } from "../../../../src/adapters/ethereum/batch-calldata.ts"
import { keyFromHex } from "../../../../src/adapters/ethereum/keys.ts"
import { registryInterface } from "../../../../src/adapters/ethereum/registries.ts"
import { decodeRlpList, encodeRlp } from "../../../../src/adapters/ethereum/rlp.ts"
import {
  readSignature,
  signedBytes,
  unsignedBytes,
} from "../../../../src/adapters/ethereum/transaction-bytes.ts"
import type { UnsignedTransaction } from "../../../../src/adapters/ethereum/unsigned-transaction.ts"
import { subjectFromBytes } from "../../../../src/domain/subject.ts"
import { testSeed } from "../../../support/seed.ts"

const seed = testSeed()
const parameters = { seed, numRuns: 300 }
const key = new SigningKey(`0x${"17".repeat(32)}`)

const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const hexOf = (buffer: Uint8Array) => `0x${Buffer.from(buffer).toString("hex")}` as const
const quantity = fc.oneof(fc.constantFrom(0n, 1n, 127n, 128n, 255n, 256n), fc.bigInt(0n, 2n ** 90n))
/** On both sides of where a length takes one more byte. */
const data = fc.constantFrom(0, 1, 55, 56, 255, 256, 65_535, 65_536).map(size => hexOf(randomBytes(size)))
const common = {
  chainId: fc.bigInt(1n, 2n ** 40n),
  nonce: fc.nat(),
  to: fc.option(bytes(20).map(hexOf), { nil: null }),
  data,
  value: quantity,
  gasLimit: quantity,
}
const transactions: fc.Arbitrary<UnsignedTransaction> = fc.oneof(
  fc.record({
    ...common,
    type: fc.constant(2 as const),
    maxFeePerGas: quantity.map(fee => fee + 2n ** 91n),
    maxPriorityFeePerGas: quantity,
  }),
  fc.record({ ...common, type: fc.constant(0 as const), gasPrice: quantity }),
)

describe(`transactions as bytes (TEST_SEED=${seed})`, () => {
  it("are those of ethers, to be signed and signed, and give the signature back", async () => {
    await fc.assert(
      fc.asyncProperty(transactions, async transaction => {
        const reference = Transaction.from(transaction)
        expect(hexOf(unsignedBytes(transaction))).toBe(reference.unsignedSerialized)
        reference.signature = key.sign(reference.unsignedHash)
        const { yParity, r, s } = reference.signature
        const signature = { yParity, r: BigInt(r), s: BigInt(s) }
        const raw = signedBytes(transaction, signature)
        expect(hexOf(raw)).toBe(reference.serialized)
        expect(readSignature(raw, transaction)).toEqual(signature)
        expect(await keyFromHex(key.privateKey).signTransaction(transaction)).toBe(reference.serialized)
      }),
      parameters,
    )
  })

  it("with short numbers in the signature are those of ethers too", () => {
    const transaction = { chainId: 1n, nonce: 0, to: null, data: "0x", value: 0n, gasLimit: 0n }
    const signature = { yParity: 1, r: 5n, s: 0n } as const
    const typed = { ...transaction, type: 2, maxFeePerGas: 1n, maxPriorityFeePerGas: 0n } as const
    const legacy = { ...transaction, type: 0, gasPrice: 1n } as const
    for (const each of [typed, legacy]) {
      expect(readSignature(signedBytes(each, signature), each)).toEqual(signature)
    }
  })

  it("of another type or chain, cut short or with something behind them have no signature", () => {
    const legacy = { ...fcSample(0), chainId: 7n }
    const typed = fcSample(2)
    const signature = { yParity: 0, r: 2n ** 255n, s: 2n ** 254n } as const
    expect(readSignature(signedBytes(legacy, signature), { type: 2, chainId: 7n })).toBeNull()
    expect(readSignature(signedBytes(legacy, signature), { type: 0, chainId: 8n })).toBeNull()
    for (const each of [typed, legacy]) {
      const raw = signedBytes(each, signature)
      expect(readSignature(raw.subarray(0, -1), each)).toBeNull()
      expect(readSignature(Buffer.concat([raw, Buffer.from([0])]), each)).toBeNull()
    }
    expect(readSignature(Buffer.alloc(0), typed)).toBeNull()
  })

  function fcSample(type: 0 | 2): UnsignedTransaction {
    const found = fc.sample(transactions, { numRuns: 50, seed }).find(each => each.type === type)
    if (!found) throw new Error("no sample of that type")
    return found
  }
})

describe("recursive length prefix", () => {
  it("is that of ethers for nested lists", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 })), nested => {
        expect(hexOf(encodeRlp(nested.map(list => list.map(item => Buffer.from(item)))))).toBe(
          ethersEncodeRlp(nested.map(list => list.map(hexOf))),
        )
      }),
      parameters,
    )
  })

  it("never reads beyond what it was given", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), noise => {
        const items = decodeRlpList(Buffer.from(noise)) ?? []
        expect(items.reduce((sum, item) => sum + item.length, 0)).toBeLessThanOrEqual(noise.length)
      }),
      parameters,
    )
  })
})

describe("a batch's call", () => {
  it("is that of ethers' encoder", () => {
    const record = fc.record({
      subject: bytes(32).map(subjectFromBytes),
      word: fc.bigInt(0n, 2n ** 256n - 1n),
    })
    fc.assert(
      fc.property(fc.array(record, { maxLength: 20 }), records => {
        const wanted = registryInterface.encodeFunctionData("applyBatch", [
          records.map(({ subject, word }) => [subject, word]),
        ])
        expect(batchCalldata(records)).toBe(wanted)
      }),
      parameters,
    )
  })
})
