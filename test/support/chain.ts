import { randomBytes } from "node:crypto"
import { inject } from "vitest"
import { deployContracts } from "../../src/adapters/ethereum/deploy.ts"
import { type KeyHolder, keyFromHex } from "../../src/adapters/ethereum/keys.ts"
import { type ChainConnection, connectChain } from "../../src/adapters/ethereum/provider.ts"
import { type RegistryAddresses, registryInterface } from "../../src/adapters/ethereum/registries.ts"
import { WRITER_ROLE } from "../../src/adapters/ethereum/registry.ts"
import { sendCalls } from "../../src/adapters/ethereum/send.ts"
import type { Hex } from "../../src/chain-writer/ports.ts"
import type { OperationType } from "../../src/domain/operation.ts"

const BALANCE_WEI = 10n ** 21n
const TIMEOUT_MS = 20_000

/** The run's node is shared; what a test file has of its own: contracts, their admin, and accounts. */
export interface TestChain {
  readonly connection: ChainConnection
  readonly addresses: RegistryAddresses
  /** An account with money that nobody else knows. */
  newAccount(wei?: bigint): Promise<KeyHolder>
  /** Lets an account write to the registries. */
  grantWriter(address: Hex): Promise<void>
  /** A new account that may write to the registries. */
  newWriter(): Promise<KeyHolder>
  /** The same, with the key itself, for another process. */
  newWriterKey(): Promise<string>
  setBalance(address: Hex, wei: bigint): Promise<void>
  /** A call of the admin's, such as `pause`. */
  admin(type: OperationType, method: string, args?: readonly unknown[]): Promise<void>
  close(): void
}

export async function openTestChain(url: string = inject("blockchainProviderUrl")): Promise<TestChain> {
  const connection = await connectChain({ url, requestTimeoutMs: 10_000 })
  const setBalance = (address: Hex, wei: bigint): Promise<void> =>
    connection.provider.send("hardhat_setBalance", [address, `0x${wei.toString(16)}`])

  async function newAccount(wei = BALANCE_WEI, privateKey = newPrivateKey()): Promise<KeyHolder> {
    const key = keyFromHex(privateKey)
    await setBalance(key.address, wei)
    return key
  }

  const deployer = await newAccount()
  const addresses = await deployContracts({ connection, deployer, writers: [] })

  async function admin(type: OperationType, method: string, args: readonly unknown[] = []): Promise<void> {
    const data = registryInterface.encodeFunctionData(method, args)
    await sendCalls(connection, deployer, [{ to: addresses[type], data }], TIMEOUT_MS)
  }

  async function grantWriter(address: Hex): Promise<void> {
    for (const type of ["patient", "ip-block", "attack-signature"] as const) {
      await admin(type, "grantRole", [WRITER_ROLE, address])
    }
  }

  return {
    connection,
    addresses,
    grantWriter,
    newAccount,
    setBalance,
    admin,
    async newWriterKey() {
      const privateKey = newPrivateKey()
      await grantWriter((await newAccount(BALANCE_WEI, privateKey)).address)
      return privateKey
    },
    async newWriter() {
      const writer = await newAccount()
      await grantWriter(writer.address)
      return writer
    },
    close: () => connection.close(),
  }
}

function newPrivateKey(): string {
  return `0x${randomBytes(32).toString("hex")}`
}
