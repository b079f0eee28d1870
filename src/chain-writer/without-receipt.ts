import type { FoundReceipt } from "./find-receipt.ts"
import type { Attempt, ClaimedOperation, Depth, Hex, Lane, Ledger, Registry } from "./ports.ts"
import { outcomesFromSlots } from "./slot-outcomes.ts"

export interface UsedNonce {
  readonly nonce: number
  readonly contract: Hex
  readonly attempts: readonly Attempt[]
  readonly operations: readonly ClaimedOperation[]
}

/**
 * `foreign`: none of our transactions used the nonce, or the node has no state of that time to tell by.
 * `unseen`: not deep enough, or the chain changed while it was read: ask again.
 */
export type WithoutReceipt = (
  lane: Lane,
  transaction: UsedNonce,
) => Promise<FoundReceipt | "foreign" | "unseen">

/**
 * What became of a used nonce when no receipt is to be had: nodes throw receipts and their index of transactions away
 * after a time. The block that used the nonce is found by the account's nonce before and after it; it names its
 * transactions; and the contract's storage there shows what the batch did.
 */
export function createWithoutReceipt(options: {
  readonly ledger: Ledger
  readonly registries: readonly Registry[]
  readonly confirmations: Depth
}): WithoutReceipt {
  const { ledger } = options

  /** The lowest block after which the nonce is used, as it is after `height`. Downwards: nodes keep the newest states longest. */
  async function blockOf(address: Hex, nonce: number, height: number): Promise<number | null> {
    let used = height
    let unused = height - 1
    for (let step = 2; ; step *= 2) {
      const nonces = unused < 0 ? 0 : await ledger.nonceAt(address, unused)
      if (nonces === null) return null
      if (nonces <= nonce) break
      used = unused
      unused = Math.max(-1, unused - step)
    }
    while (used - unused > 1) {
      const middle = Math.floor((used + unused) / 2)
      const nonces = await ledger.nonceAt(address, middle)
      if (nonces === null) return null
      if (nonces > nonce) used = middle
      else unused = middle
    }
    return used
  }

  async function effectAt(
    registry: Registry,
    writer: Hex,
    operations: readonly ClaimedOperation[],
    blockNumber: number,
    timestampSeconds: number,
  ): Promise<FoundReceipt["receipt"]["effect"] | null> {
    const subjects = operations.map(({ subject }) => subject)
    const [headBefore, headAfter, before, after] = [
      await registry.head(writer, blockNumber - 1),
      await registry.head(writer, blockNumber),
      await registry.wordsAt(subjects, blockNumber - 1),
      await registry.wordsAt(subjects, blockNumber),
    ]
    if (headBefore === null || headAfter === null || before === null || after === null) return null
    // Every batch that is executed extends the writer's hash, whatever its records came to.
    if (headBefore === headAfter) return { kind: "reverted" }
    const records = operations.map(({ word }, index) => {
      return { word, before: before[index] ?? 0n, after: after[index] ?? 0n }
    })
    return { kind: "applied", outcomes: outcomesFromSlots(records, timestampSeconds) }
  }

  return async (lane, { nonce, contract, attempts, operations }) => {
    const { address } = lane
    const height = await ledger.height(options.confirmations)
    const used = height < 0 ? 0 : await ledger.nonceAt(address, height)
    if (used !== null && used <= nonce) return "unseen"
    const blockNumber = used === null ? null : await blockOf(address, nonce, height)
    const block = blockNumber === null ? null : await ledger.block(blockNumber)
    if (blockNumber === null || !block) return "foreign"
    const attempt = attempts.find(({ hash }) => block.transactions.includes(hash))
    const registry = options.registries.find(each => each.address === contract)
    if (!attempt || !registry) return "foreign"
    const carried = operations.slice(0, attempt.records)
    const effect = await effectAt(registry, address, carried, blockNumber, block.timestampSeconds)
    // Two blocks of one number were read: what they show together never was.
    if ((await ledger.blockHash(blockNumber)) !== block.hash) return "unseen"
    if (!effect) return "foreign"
    // All of it, as far as anybody knows: the next batch is smaller, should this one have run out of gas.
    const gasUsed = effect.kind === "reverted" ? attempt.gasLimit : 0n
    return { attempt, receipt: { blockNumber, blockHash: block.hash, gasUsed, effect } }
  }
}
