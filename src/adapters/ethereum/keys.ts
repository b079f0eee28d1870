import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { computeAddress, HDNodeWallet, keccak256, Mnemonic, SigningKey } from "ethers"
import type { Hex } from "../../chain-writer/ports.ts"
import { ConfigurationError } from "../../runtime/errors.ts"
import { readPrivateFile } from "../../runtime/private-file.ts"
import { lowerHex } from "./registries.ts"
import { signedBytes, unsignedBytes } from "./transaction-bytes.ts"
import type { UnsignedTransaction } from "./unsigned-transaction.ts"

/** Everyone has these keys: they are for a chain that nobody else can reach. */
const DEVELOPMENT_MNEMONIC = "test test test test test test test test test test test junk"
export const DEVELOPMENT_CHAIN_ID = 31337n

/** What a key store has to be able to do; the key itself stays with it. */
export interface KeyHolder {
  readonly address: Hex
  /** The signed transaction, serialised. */
  signTransaction(transaction: UnsignedTransaction): Promise<string>
}

function keyHolder(key: SigningKey): KeyHolder {
  return {
    address: lowerHex(computeAddress(key)),
    async signTransaction(transaction) {
      const { yParity, r, s } = key.sign(keccak256(unsignedBytes(transaction)))
      const signature = { yParity, r: BigInt(r), s: BigInt(s) }
      return `0x${signedBytes(transaction, signature).toString("hex")}`
    },
  }
}

/** Account `index` of the development mnemonic. Throws ConfigurationError on any chain but 31337. */
export function developmentKey(chainId: bigint, index: number): KeyHolder {
  return keyHolder(developmentWallet(chainId, index).signingKey)
}

/** The same account's key itself, `0x` and 64 hex digits, for a program that plays another branch. */
export function developmentPrivateKey(chainId: bigint, index: number): string {
  return developmentWallet(chainId, index).privateKey
}

function developmentWallet(chainId: bigint, index: number): HDNodeWallet {
  if (chainId !== DEVELOPMENT_CHAIN_ID) {
    throw new ConfigurationError(
      `The chain has id ${chainId}: development keys are refused there, everyone has them. Set BLOCKCHAIN_PRIVATE_KEY_FILE.`,
    )
  }
  const mnemonic = Mnemonic.fromPhrase(DEVELOPMENT_MNEMONIC)
  return HDNodeWallet.fromMnemonic(mnemonic, `m/44'/60'/0'/0/${index}`)
}

/** A key in memory, for tests. */
export function keyFromHex(privateKey: string): KeyHolder {
  return keyHolder(new SigningKey(privateKey))
}

/**
 * The key in a file: `0x` and 64 hex digits. Throws ConfigurationError, without the file's contents, when it cannot be
 * read, when others than its owner may read it, or when it holds something else.
 */
export async function keyFromFile(path: string): Promise<KeyHolder> {
  const text = await readPrivateFile(path)
  if (!/^0x[0-9a-fA-F]{64}$/.test(text)) {
    throw new ConfigurationError(`The key file ${path} must hold one private key: 0x and 64 hex digits.`)
  }
  try {
    return keyFromHex(text)
  } catch {
    // No cause: ethers' message quotes the key.
    throw new ConfigurationError(`The key file ${path} does not hold a private key of secp256k1.`)
  }
}

/** The file itself, or all files of a directory, in the order of their names; hidden ones are left out. */
export async function keyFilesIn(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    // What is wrong with a file is said when it is read.
    if (cause.code === "ENOTDIR" || cause.code === "ENOENT") return null
    throw new ConfigurationError(`The key directory ${path} cannot be read (${cause.code}).`)
  })
  if (!entries) return [path]
  const names = entries.filter(entry => !entry.isDirectory() && !entry.name.startsWith("."))
  return names.map(({ name }) => join(path, name)).sort()
}
