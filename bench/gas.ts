/**
 * Gas per operation at 1, 10, 100 and 256 records a batch, on an in-process Hardhat chain: new, update, replay,
 * expire, and attack signatures with their content. Beside each, from the same run, the floor (a blind store of the
 * same calldata) and the naive design (a call an operation, as in CareGrid's first contracts).
 * Prints one JSON object; exits with 1 if a target is missed.
 *
 *   npm run bench:gas
 */
import { Interface, type InterfaceAbi, keccak256, toBeHex } from "ethers"
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
type Contract = { abi: Interface; address: string }

const BATCH_SIZES = [1, 10, 100, 256]
/** How many subjects are written before the last measurement, which shows whether the cost grows with history. */
const HISTORY_SUBJECTS = 10_240
/** Of the JSON that CareGrid keeps for a signature of average length. */
const CONTENT_BYTES = 139
/** 256 contents would need more than a transaction may use. */
const CONTENT_BATCH_SIZES = [1, 10, 100]
const TRANSACTION_GAS_CAP = 16_777_216
const VERSION_EPOCH_SECONDS = 1_704_067_200n
const BLOCK_SECONDS = 1000n
const REASON = "Too many failed logins"

const [APPLIED, ALREADY_APPLIED] = [1, 2]
const [AUTOMATIC, EXPIRE, SIGNATURE_OF_SEVERITY_5] = [5n, 8n, 5n | (5n << 8n)]

const hre = await createHardhatRuntimeEnvironment(config)
await hre.tasks.getTask("build").run({ quiet: true })
const { provider } = await hre.network.create("node")
const rpc = async <T>(method: string, ...params: unknown[]): Promise<T> =>
  (await provider.request({ method, params })) as T

const [from] = await rpc<[string]>("eth_accounts")
let counter = 0n
const nextHash = () => keccak256(toBeHex(++counter, 32))

const send = async (to: string | undefined, data: string, { mayFail = false } = {}) => {
  const request = { from, to, data, gas: toBeHex(TRANSACTION_GAS_CAP) }
  // A transaction that fails is mined all the same, but Hardhat throws; its hash is then in the error.
  const hash = await rpc<string>("eth_sendTransaction", request).catch(error => {
    const failed = (error as { transactionHash?: string }).transactionHash
    if (mayFail && failed) return failed
    throw error
  })
  const receipt = await rpc<{
    status: string
    gasUsed: string
    contractAddress: string
    logs: { data: string }[]
  }>("eth_getTransactionReceipt", hash)
  return { ...receipt, gas: Number(receipt.gasUsed) }
}

const create = async (
  contract: { abi: InterfaceAbi; bytecode: string },
  ...args: unknown[]
): Promise<Contract> => {
  const abi = new Interface(contract.abi)
  const { contractAddress } = await send(undefined, contract.bytecode + abi.encodeDeploy(args).slice(2))
  return { abi, address: contractAddress }
}

const createRegistry = async (contract: { abi: readonly unknown[]; bytecode: string }) => {
  const registry = await create(contract as { abi: InterfaceAbi; bytecode: string }, from)
  const writerRole = keccak256(Buffer.from("WRITER_ROLE"))
  await send(registry.address, registry.abi.encodeFunctionData("grantRole", [writerRole, from]))
  return registry
}

const createForBench = async (name: string) => {
  const { abi, bytecode } = await hre.artifacts.readArtifact(name)
  return create({ abi: abi as unknown[] as InterfaceAbi, bytecode })
}

const chainTime = async () =>
  BigInt((await rpc<{ timestamp: string }>("eth_getBlockByNumber", "latest", false)).timestamp)

const passTime = async (seconds: number) => {
  await rpc("evm_increaseTime", seconds)
  await rpc("evm_mine")
}

const record = (o: Operation) => ({
  subject: o.subject,
  word: (o.version << 192n) | (o.tag << 128n) | (o.expiry << 88n) | (o.time << 48n) | o.flags,
})

/** As the log makes them: milliseconds, counter, writer id; always rising. Their bytes cost gas, so they must be alike. */
let position = 0n
const nextPosition = (timeSeconds: bigint) => {
  const lowest = (((timeSeconds - VERSION_EPOCH_SECONDS) * 1000n + 789n) << 22n) | 1n
  position = position < lowest ? lowest : position + 1024n
  return position
}

const operation = (time: bigint, subject: string, expiry: bigint, flags: bigint): Operation => ({
  subject,
  version: nextPosition(time),
  tag: BigInt(nextHash()) >> 192n,
  expiry,
  time,
  flags,
})

/** Gas a record; throws unless each record had the outcome that the figure is for. */
const gasOfBatch = async (registry: Contract, data: string, size: number, outcome: number) => {
  const { gas, logs } = await send(registry.address, data)
  const event = registry.abi.decodeEventLog("BatchApplied", logs[0]!.data)
  const outcomes = Buffer.from(String(event.outcomes).slice(2), "hex")
  if (outcomes.length !== size || !outcomes.every(byte => byte === outcome))
    throw new Error(`expected outcome ${outcome}, got ${event.outcomes}`)
  return Math.round(gas / size)
}

/** The registry and, with the same calldata, the floor. */
const measureBatch = async (
  registry: Contract,
  floor: Contract,
  operations: Operation[],
  outcome: number,
) => {
  const data = registry.abi.encodeFunctionData("applyBatch", [operations.map(record)])
  const gas = await gasOfBatch(registry, data, operations.length, outcome)
  const { gas: floorGas } = await send(floor.address, data)
  return { gas, floor: Math.round(floorGas / operations.length) }
}

const measureBlocks = async (registry: Contract, floor: Contract, size: number) => {
  const now = await chainTime()
  const first = Array.from({ length: size }, () => operation(now, nextHash(), now + BLOCK_SECONDS, AUTOMATIC))
  const renewal = first.map(o => operation(now, o.subject, now + BLOCK_SECONDS, AUTOMATIC))
  const figures = {
    new: await measureBatch(registry, floor, first, APPLIED),
    update: await measureBatch(registry, floor, renewal, APPLIED),
    replay: await measureBatch(registry, floor, renewal, ALREADY_APPLIED),
  }
  await passTime(Number(2n * BLOCK_SECONDS))
  const expiries = renewal.map(o => ({ ...o, expiry: 0n, time: 0n, flags: EXPIRE }))
  return { ...figures, expire: await measureBatch(registry, floor, expiries, APPLIED) }
}

/** Each operation by a transaction of its own; a renewal is an unblock and a block; a replay is refused. */
const measureNaiveBlocks = async (size: number) => {
  const blocks = await createForBench("NaiveBlocks")
  const subjects = Array.from({ length: size }, nextHash)
  const call = async (name: string, args: unknown[]) =>
    (await send(blocks.address, blocks.abi.encodeFunctionData(name, args), { mayFail: true })).gas
  const sum = { new: 0, update: 0, replay: 0 }
  for (const subject of subjects) {
    const block = [subject, BLOCK_SECONDS, REASON, false]
    sum.new += await call("blockIP", block)
    sum.update += (await call("unblockIP", [subject])) + (await call("blockIP", block))
    sum.replay += await call("blockIP", block)
  }
  await passTime(Number(2n * BLOCK_SECONDS))
  const expire = await call("cleanupExpiredBlocks", [])
  const perRecord = (gas: number) => Math.round(gas / size)
  return {
    new: perRecord(sum.new),
    update: perRecord(sum.update),
    replay: perRecord(sum.replay),
    expire: perRecord(expire),
  }
}

/** One block that is over, among others that are not: what a single expiry costs as the list grows. */
const measureNaiveCleanUp = async (otherBlocks: number) => {
  const blocks = await createForBench("NaiveBlocks")
  for (let i = 0; i <= otherBlocks; i++) {
    const seconds = i === 0 ? BLOCK_SECONDS : 1000n * BLOCK_SECONDS
    await send(blocks.address, blocks.abi.encodeFunctionData("blockIP", [nextHash(), seconds, REASON, false]))
  }
  await passTime(Number(2n * BLOCK_SECONDS))
  return (await send(blocks.address, blocks.abi.encodeFunctionData("cleanupExpiredBlocks"))).gas
}

const measureSignatures = async (registry: Contract, size: number) => {
  const now = await chainTime()
  const records = Array.from({ length: size }, () =>
    record(operation(now, nextHash(), 0n, SIGNATURE_OF_SEVERITY_5)),
  )
  const contents = records.map(() => `0x${"7b".repeat(CONTENT_BYTES)}`)
  const data = registry.abi.encodeFunctionData("applyBatchWithContent", [records, contents])
  return gasOfBatch(registry, data, size, APPLIED)
}

const measureNaiveSignature = async () => {
  const signatures = await createForBench("NaiveSignatures")
  const add = () =>
    send(
      signatures.address,
      signatures.abi.encodeFunctionData("addSignature", ["{".repeat(CONTENT_BYTES), 5]),
    )
  await add()
  await passTime(1)
  return (await add()).gas
}

const blocks = await createRegistry(blockedIpRegistry)
const signatures = await createRegistry(attackSignatureRegistry)
const floor = await createForBench("Floor")

// A lane's first batch also pays for its head, and a count that leaves 0 for its slot: not what the other batches cost.
const standing = operation(await chainTime(), nextHash(), (await chainTime()) + BLOCK_SECONDS, AUTOMATIC)
await measureBatch(blocks, floor, [standing], APPLIED)

const perBatchSize: Record<string, Record<string, { gas: number; floor: number; naive: number }>> = {}
for (const size of BATCH_SIZES) {
  const [ours, naive] = [await measureBlocks(blocks, floor, size), await measureNaiveBlocks(size)]
  perBatchSize[size] = {
    new: { ...ours.new, naive: naive.new },
    update: { ...ours.update, naive: naive.update },
    replay: { ...ours.replay, naive: naive.replay },
    expire: { ...ours.expire, naive: naive.expire },
  }
}
const signaturesWithContent: Record<string, { gas: number; naive: number }> = {}
const naive = await measureNaiveSignature()
for (const size of CONTENT_BATCH_SIZES)
  signaturesWithContent[size] = { gas: await measureSignatures(signatures, size), naive }

const before = await measureBlocks(blocks, floor, 256)
for (let i = 0; i < HISTORY_SUBJECTS / 256; i++) {
  const now = await chainTime()
  const batch = Array.from({ length: 256 }, () => operation(now, nextHash(), now + BLOCK_SECONDS, AUTOMATIC))
  await measureBatch(blocks, floor, batch, APPLIED)
}
const after = await measureBlocks(blocks, floor, 256)

const naiveExpireAmong: Record<string, number> = {}
for (const others of [0, 60, 600]) naiveExpireAmong[others] = await measureNaiveCleanUp(others)

const largest = perBatchSize[256]!
const targets = [
  { target: "new", limit: 23_700, gas: largest.new!.gas },
  {
    target: "new within 3 % of the floor",
    limit: Math.floor(largest.new!.floor * 1.03),
    gas: largest.new!.gas,
  },
  { target: "update", limit: 6_600, gas: largest.update!.gas },
  { target: "expire", limit: 6_700, gas: largest.expire!.gas },
  { target: "replay", limit: 3_600, gas: largest.replay!.gas },
  {
    target: `new within 0.5 % after ${HISTORY_SUBJECTS} more subjects`,
    limit: Math.floor(before.new.gas * 1.005),
    gas: after.new.gas,
  },
].map(target => ({ ...target, met: target.gas <= target.limit }))

console.log(
  JSON.stringify({
    benchmark: "gas",
    unit: "gas per record, of the whole transaction",
    blocks: perBatchSize,
    signaturesWithContent: { contentBytes: CONTENT_BYTES, ...signaturesWithContent },
    withHistory: { subjects: HISTORY_SUBJECTS, batch: 256, before, after, naiveExpireAmong },
    targetsAt256: targets,
    allMet: targets.every(target => target.met),
  }),
)
if (!targets.every(target => target.met)) process.exitCode = 1
