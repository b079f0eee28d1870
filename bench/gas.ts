/**
 * Gas per operation of one batch, at 1, 10, 100 and 256 records a batch, on an in-process Hardhat chain.
 * Prints one JSON object. Each figure is the gas used by the whole transaction, divided by its records.
 *
 *   npm run bench:gas
 */
import { Interface, keccak256, toBeHex } from "ethers"
import { createHardhatRuntimeEnvironment } from "hardhat/hre"
import config from "../contracts/hardhat.config.ts"
import { attackSignatureRegistry, blockedIpRegistry } from "../src/adapters/ethereum/artifacts.generated.ts"

type Operation = {
  subject: string
  version: bigint
  tag: bigint
  expiry: bigint
  time: bigint
  flags: bigint
}

const BATCH_SIZES = [1, 10, 100, 256]
const CONTENT_BYTES = 139
const TRANSACTION_GAS_CAP = 16_777_216
const VERSION_EPOCH_SECONDS = 1_704_067_200n

const hre = await createHardhatRuntimeEnvironment(config)
const { provider } = await hre.network.create("node")
const rpc = async <T>(method: string, ...params: unknown[]): Promise<T> =>
  (await provider.request({ method, params })) as T

const [from] = await rpc<[string]>("eth_accounts")
let counter = 0n
const nextHash = () => keccak256(toBeHex(++counter, 32))

const send = async (to: string | undefined, data: string) => {
  const hash = await rpc<string>("eth_sendTransaction", { from, to, data, gas: toBeHex(TRANSACTION_GAS_CAP) })
  const receipt = await rpc<{
    status: string
    gasUsed: string
    contractAddress: string
    logs: { data: string }[]
  }>("eth_getTransactionReceipt", hash)
  if (receipt.status !== "0x1") throw new Error(`transaction ${hash} failed`)
  return receipt
}

const deploy = async (contract: { abi: readonly unknown[]; bytecode: string }) => {
  const abi = new Interface(contract.abi as ConstructorParameters<typeof Interface>[0])
  const { contractAddress } = await send(undefined, contract.bytecode + abi.encodeDeploy([from]).slice(2))
  await send(
    contractAddress,
    abi.encodeFunctionData("grantRole", [keccak256(Buffer.from("WRITER_ROLE")), from]),
  )
  return { abi, address: contractAddress }
}

const chainTime = async () =>
  BigInt((await rpc<{ timestamp: string }>("eth_getBlockByNumber", "latest", false)).timestamp)

const record = (o: Operation) => ({
  subject: o.subject,
  word: (o.version << 192n) | (o.tag << 128n) | (o.expiry << 88n) | (o.time << 48n) | o.flags,
})

const operation = (
  timeSeconds: bigint,
  subject: string,
  expirySeconds: bigint,
  flags: bigint,
): Operation => ({
  subject,
  version: (((timeSeconds - VERSION_EPOCH_SECONDS) * 1000n) << 22n) | (++counter << 10n),
  tag: BigInt(nextHash()) >> 192n,
  expiry: expirySeconds,
  time: timeSeconds,
  flags,
})

/** Gas per record; throws unless each record had the outcome that the figure is for. */
const gasPerRecord = async (
  registry: Awaited<ReturnType<typeof deploy>>,
  operations: Operation[],
  outcome: number,
  contents?: string[],
) => {
  const records = operations.map(record)
  const data = contents
    ? registry.abi.encodeFunctionData("applyBatchWithContent", [records, contents])
    : registry.abi.encodeFunctionData("applyBatch", [records])
  const { gasUsed, logs } = await send(registry.address, data)
  const event = registry.abi.decodeEventLog("BatchApplied", logs[0]!.data)
  const outcomes = Buffer.from(String(event.outcomes).slice(2), "hex")
  if (!outcomes.every(byte => byte === outcome))
    throw new Error(`expected outcome ${outcome}, got ${event.outcomes}`)
  return Math.round(Number(gasUsed) / operations.length)
}

const blocks = await deploy(blockedIpRegistry)
// A lane's first batch also pays for its head and the count: not what the other batches cost.
await gasPerRecord(blocks, [operation(await chainTime(), nextHash(), (await chainTime()) + 9999n, 5n)], 1)

const measureBlocks = async (size: number) => {
  const now = await chainTime()
  const first = Array.from({ length: size }, () => operation(now, nextHash(), now + 1000n, 5n))
  const renewal = first.map(o => operation(now, o.subject, now + 1000n, 5n))
  const figures = {
    new: await gasPerRecord(blocks, first, 1),
    update: await gasPerRecord(blocks, renewal, 1),
    replay: await gasPerRecord(blocks, renewal, 2),
    superseded: await gasPerRecord(blocks, first, 3),
  }
  await rpc("evm_increaseTime", 2000)
  await rpc("evm_mine")
  const expiries = renewal.map(o => ({ ...o, expiry: 0n, time: 0n, flags: 8n }))
  return {
    ...figures,
    expire: await gasPerRecord(blocks, expiries, 1),
    expireAgain: await gasPerRecord(blocks, expiries, 2),
  }
}

const signatures = await deploy(attackSignatureRegistry)
const measureSignatures = async (size: number) => {
  const now = await chainTime()
  const fresh = () => Array.from({ length: size }, () => operation(now, nextHash(), 0n, 5n | (5n << 8n)))
  const contents = Array.from({ length: size }, () => `0x${"7b".repeat(CONTENT_BYTES)}`)
  return { withContent: await gasPerRecord(signatures, fresh(), 1, contents) }
}

const perBatchSize: Record<string, Record<string, number>> = {}
for (const size of BATCH_SIZES) perBatchSize[size] = await measureBlocks(size)
const withContent: Record<string, number> = {}
for (const size of [1, 10, 100]) withContent[size] = (await measureSignatures(size)).withContent

console.log(
  JSON.stringify({
    benchmark: "gas",
    unit: "gas per record",
    blocks: perBatchSize,
    signaturesOf139Bytes: withContent,
  }),
)
