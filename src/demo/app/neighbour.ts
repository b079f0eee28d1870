import { randomUUID } from "node:crypto"
import { Contract, type JsonRpcProvider, Wallet } from "ethers"
import { blockedIpRegistry } from "../../adapters/ethereum/artifacts.generated.ts"
import type { Position } from "../../domain/position.ts"
import type { Subject } from "../../domain/subject.ts"
import { encodeWord, FLAG, operationTag } from "../../domain/word.ts"
import type { Clock } from "../../runtime/clock.ts"
import { UnavailableError } from "../../runtime/errors.ts"
import type { NeighbourBlock } from "../record.ts"

/** Another branch on the same chain, with its own account and log, and no knowledge of ours. */
export interface Neighbour {
  readonly address: string
  /** Blocks the subject with a version 2 s ahead of `position`; resolves when that is mined. */
  block(subject: Subject, position: Position): Promise<NeighbourBlock>
}

const WRITER_ID = 7n
const AHEAD_MS = 2_000n
/** Longer than any day of the demo, so that the neighbour's block still stands when it is looked at. */
const BLOCK_SECONDS = 30 * 86_400
const MINED_WITHIN_MS = 120_000

export function createNeighbour(options: {
  readonly provider: JsonRpcProvider
  readonly privateKey: string
  readonly registry: string
  readonly clock: Clock
}): Neighbour {
  const { provider, clock } = options
  const wallet = new Wallet(options.privateKey, provider)
  const registry = new Contract(options.registry, blockedIpRegistry.abi, wallet)
  // One at a time: two sends at once would read the same nonce.
  let last: Promise<unknown> = Promise.resolve()
  return {
    address: wallet.address,
    block(subject, position) {
      const word = wordOf(position, clock.nowMs())
      const sent = last.then(() => applyAndWait({ registry, provider, clock }, subject, word))
      last = sent.catch(() => undefined)
      return sent.then(() => ({ subject, word }))
    },
  }
}

function wordOf(position: Position, nowMs: number): bigint {
  const timeSeconds = Math.floor(nowMs / 1000)
  return encodeWord({
    version: (((position >> 22n) + AHEAD_MS) << 22n) | WRITER_ID,
    tag: operationTag(randomUUID()),
    expirySeconds: timeSeconds + BLOCK_SECONDS,
    timeSeconds,
    flags: FLAG.exists | FLAG.active,
  })
}

async function applyAndWait(
  chain: { readonly registry: Contract; readonly provider: JsonRpcProvider; readonly clock: Clock },
  subject: Subject,
  word: bigint,
): Promise<void> {
  const sent = await chain.registry.getFunction("applyBatch").send([{ subject, word }])
  const deadlineMs = chain.clock.nowMs() + MINED_WITHIN_MS
  while (chain.clock.nowMs() < deadlineMs) {
    const receipt = await chain.provider.getTransactionReceipt(sent.hash)
    if (receipt?.status === 1) return
    if (receipt)
      throw new UnavailableError("the neighbour branch's block was reverted: has it the writer role?")
    await chain.clock.sleep(20)
  }
  throw new UnavailableError(
    `the chain did not mine the neighbour branch's block within ${MINED_WITHIN_MS / 1000} s`,
  )
}
