/**
 * A chain in this process, a contract on it, and the two things the model does with it: send a batch at a given time,
 * and ask whether subjects are blocked. Compiles into a folder of its own, since other tests compile too.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { AbiCoder, Interface, type InterfaceAbi, id, toBeHex } from "ethers"
import { createHardhatRuntimeEnvironment } from "hardhat/hre"
import config from "../../../contracts/hardhat.config.ts"
import { blockedIpRegistry } from "../../../src/adapters/ethereum/artifacts.generated.ts"

export type ChainRecord = { subject: bigint; word: bigint }
export type ModelChain = Awaited<ReturnType<typeof openModelChain>>
export type ModelContract = Awaited<ReturnType<ModelChain["deployRegistry"]>>

const TRANSACTION_GAS_CAP = 16_777_216
const coder = AbiCoder.defaultAbiCoder()
const word = (value: bigint) => value.toString(16).padStart(64, "0")

export async function openModelChain() {
  const folder = await mkdtemp(join(tmpdir(), "contract-model-"))
  const reference = fileURLToPath(new URL("../../../contracts/test/reference", import.meta.url))
  const paths = {
    ...config.paths,
    sources: reference,
    tests: { solidity: join(folder, "none") },
    artifacts: join(folder, "artifacts"),
    cache: join(folder, "cache"),
  }
  const hre = await createHardhatRuntimeEnvironment({ ...config, paths })
  await hre.tasks.getTask("build").run({ quiet: true })
  const { provider, close } = await hre.network.create("node")
  const rpc = async <T>(method: string, ...params: unknown[]): Promise<T> =>
    (await provider.request({ method, params })) as T
  const [from] = await rpc<[string]>("eth_accounts")

  const send = async (to: string | undefined, data: string) => {
    const transaction = { from, to, data, gas: toBeHex(TRANSACTION_GAS_CAP) }
    const hash = await rpc<string>("eth_sendTransaction", transaction)
    return rpc<{ contractAddress: string; logs: { data: string }[] }>("eth_getTransactionReceipt", hash)
  }
  const call = (to: string, data: string) =>
    rpc<string>("eth_call", { to, data, gas: toBeHex(TRANSACTION_GAS_CAP) }, "latest")

  const create = async (abi: InterfaceAbi, bytecode: string, args: unknown[] = []) => {
    const contract = new Interface(abi)
    const receipt = await send(undefined, bytecode + contract.encodeDeploy(args).slice(2))
    return { abi: contract, address: receipt.contractAddress }
  }
  const createFromReference = async (name: string) => {
    const { abi, bytecode } = await hre.artifacts.readArtifact(name)
    return create(abi as unknown[] as InterfaceAbi, bytecode)
  }
  const reads = await createFromReference("ManyReads")

  const useContract = (address: string) => ({
    /** One outcome a record, from the event. */
    async applyBatch(records: readonly ChainRecord[]): Promise<Uint8Array> {
      const selector = id("applyBatch((bytes32,uint256)[])").slice(0, 10)
      const body = records.map(record => word(record.subject) + word(record.word)).join("")
      const { logs } = await send(address, `${selector}${word(32n)}${word(BigInt(records.length))}${body}`)
      const [, outcomes] = coder.decode(["bytes32", "bytes"], logs[0]!.data)
      return Buffer.from(String(outcomes).slice(2), "hex")
    },
    /** At the time of the newest block, which it also gives. */
    async areBlocked(subjects: readonly bigint[]): Promise<{ timestamp: number; answers: Uint8Array }> {
      const keys = subjects.map(subject => toBeHex(subject, 32))
      const data = await call(reads.address, reads.abi.encodeFunctionData("areBlocked", [address, keys]))
      const [timestamp, answers] = coder.decode(["uint256", "bytes"], data)
      return { timestamp: Number(timestamp), answers: Buffer.from(String(answers).slice(2), "hex") }
    },
    async states(subjects: readonly bigint[]): Promise<bigint[]> {
      const selector = id("states(bytes32[])").slice(0, 10)
      const body = subjects.map(word).join("")
      const data = await call(address, `${selector}${word(32n)}${word(BigInt(subjects.length))}${body}`)
      return [...coder.decode(["uint256[]"], data)[0]]
    },
    async activeCount(): Promise<number> {
      return Number(await call(address, id("activeCount()").slice(0, 10)))
    },
  })

  return {
    async deployRegistry() {
      const registry = await create([...blockedIpRegistry.abi], blockedIpRegistry.bytecode, [from])
      await send(registry.address, registry.abi.encodeFunctionData("grantRole", [id("WRITER_ROLE"), from]))
      return useContract(registry.address)
    },
    deployReference: async (name: string) => useContract((await createFromReference(name)).address),
    /** Unix seconds of the newest block. */
    async now(): Promise<number> {
      return Number((await rpc<{ timestamp: string }>("eth_getBlockByNumber", "latest", false)).timestamp)
    },
    /** The next block is made at this time, unix seconds, not before that of the last one. */
    async setNextTime(unixSeconds: number): Promise<void> {
      await rpc("evm_setNextBlockTimestamp", unixSeconds)
    },
    async mineAt(unixSeconds: number): Promise<void> {
      await rpc("evm_setNextBlockTimestamp", unixSeconds)
      await rpc("evm_mine")
    },
    async close(): Promise<void> {
      await close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
