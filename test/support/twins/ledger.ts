import { randomBytes } from "node:crypto"
import type {
  BroadcastOutcome,
  Depth,
  Hex,
  Ledger,
  Obstacle,
  Receipt,
  Registry,
  TransactionEffect,
} from "../../../src/chain-writer/ports.ts"
import type { OperationType } from "../../../src/domain/operation.ts"
import type { Outcome } from "../../../src/domain/outcome.ts"
import { decide } from "./registry-rules.ts"
import { readSigned, type SignedBatch } from "./signer.ts"

interface State {
  readonly words: Map<string, bigint>
  readonly nonces: Map<Hex, number>
  /** By contract and writer. */
  readonly heads: Map<string, Hex>
}

interface Block {
  readonly hash: Hex
  readonly effects: Map<Hex, TransactionEffect>
  readonly after: State
  readonly timestampSeconds: number
}

const NO_HEAD: Hex = `0x${"0".repeat(64)}`
const COST_WEI = 10n ** 18n

/** One chain in memory, with a pool, blocks, reorganisations, and a node that can be made to fail. */
export interface InMemoryChain {
  readonly ledger: Ledger
  registry(type: OperationType): Registry
  /** A registry at an address without code. */
  nowhere(): Registry
  /** From the first grant on, only who was granted the write role has it; before, everybody has. */
  grant(writer: Hex): void
  /** False: transactions wait in the pool until `mine`. */
  automine: boolean
  baseFeePerGasWei: bigint
  blockGasLimit: bigint
  /** What the tag `finalized` means. */
  finalizedHeight: number
  /** Of blocks before this the node has no state any more. */
  oldestState: number
  /** What every transaction uses. */
  gasUsed: bigint
  /** What the next broadcasts come to, first first: `lost-answer` is taken without an answer, others are not taken. */
  readonly nextAnswers: (BroadcastOutcome["kind"] | "lost-answer")[]
  readonly broadcasts: { readonly hash: Hex; readonly nonce: number }[]
  mine(): void
  /** Takes the newest blocks away; their transactions are forgotten. */
  reorganise(depth: number): void
  /** A new chain in the old one's place. */
  reset(): void
  /** The node forgets what it has not mined. */
  dropPool(): void
  setObstacle(type: OperationType, obstacle: Obstacle | null): void
  setBalance(address: Hex, wei: bigint): void
  /** Uses the account's next nonce for something else. */
  useNonce(address: Hex): void
  /** How often each word took effect on the chain as it is now. */
  timesApplied(word: bigint): number
}

export function createInMemoryChain(options: { readonly nowMs: () => number }): InMemoryChain {
  const timestampSeconds = () => Math.floor(options.nowMs() / 1000)
  const newBlock = (effects: Block["effects"], after: State): Block => {
    return { hash: newHash(), effects, after, timestampSeconds: timestampSeconds() }
  }
  const blocks: Block[] = [newBlock(new Map(), emptyState())]
  const pool = new Map<Hex, SignedBatch>()
  const contracts = new Map<Hex, OperationType>()
  const addresses = new Map<OperationType, Hex>()
  const obstacles = new Map<OperationType, Obstacle>()
  const balances = new Map<Hex, bigint>()
  const writers = new Set<Hex>()
  const applied = new Map<Hex, readonly bigint[]>()

  for (const type of ["patient", "ip-block", "attack-signature"] as const) {
    const address = newAddress()
    contracts.set(address, type)
    addresses.set(type, address)
  }

  const tip = (): Block => blocks.at(-1) ?? fail("a chain without blocks")
  const usedNonces = (address: Hex): number => tip().after.nonces.get(address) ?? 0

  const stateAt = (number: number): State | null =>
    number < chain.oldestState ? null : (blocks[number]?.after ?? null)

  const heightOf = (depth: Depth): number =>
    depth === "finalized" ? chain.finalizedHeight : Math.max(-1, blocks.length - depth)

  function accept(hash: Hex, batch: SignedBatch): BroadcastOutcome {
    const used = usedNonces(batch.from)
    if (pool.has(hash)) return { kind: "already-known" }
    if (batch.nonce < used) return { kind: "nonce-too-low" }
    if (chain.automine && batch.nonce > used) return { kind: "nonce-too-high" }
    if ((balances.get(batch.from) ?? COST_WEI) < batch.gasLimit * batch.maxFeePerGasWei) {
      return { kind: "insufficient-funds" }
    }
    if (batch.gasLimit > chain.blockGasLimit) return { kind: "too-large" }
    if (batch.maxFeePerGasWei < chain.baseFeePerGasWei) return { kind: "underpriced" }
    const rival = [...pool].find(([, other]) => other.from === batch.from && other.nonce === batch.nonce)
    if (rival) {
      if (batch.maxFeePerGasWei * 10n < rival[1].maxFeePerGasWei * 11n) return { kind: "underpriced" }
      pool.delete(rival[0])
    }
    pool.set(hash, batch)
    if (!chain.automine) return { kind: "accepted" }
    mine()
    return tip().effects.get(hash)?.kind === "reverted" ? { kind: "reverted" } : { kind: "accepted" }
  }

  function mine(): void {
    const { words, nonces, heads } = tip().after
    const after = { words: new Map(words), nonces: new Map(nonces), heads: new Map(heads) }
    const effects = new Map<Hex, TransactionEffect>()
    const waiting = [...pool].sort(([, a], [, b]) => a.nonce - b.nonce)
    for (const [hash, batch] of waiting) {
      if (batch.nonce !== (after.nonces.get(batch.from) ?? 0)) continue
      after.nonces.set(batch.from, batch.nonce + 1)
      effects.set(hash, execute(hash, batch, after))
      pool.delete(hash)
    }
    blocks.push(newBlock(effects, after))
  }

  function execute(hash: Hex, batch: SignedBatch, { words, heads }: State): TransactionEffect {
    const type = contracts.get(batch.contract)
    const obstacle = type && obstacleOf(type, batch.contract, batch.from)
    if (!type || obstacle === "no-contract") return { kind: "no-effect" }
    if (obstacle) return { kind: "reverted" }
    const outcomes: Outcome[] = []
    const written: bigint[] = []
    for (const { subject, word } of batch.records) {
      const key = `${batch.contract} ${subject}`
      const decided = decide(type, words.get(key) ?? 0n, word, timestampSeconds())
      words.set(key, decided.next)
      outcomes.push(decided.outcome)
      if (decided.outcome === "Applied") written.push(word)
    }
    applied.set(hash, written)
    heads.set(`${batch.contract} ${batch.from}`, newHash())
    return { kind: "applied", outcomes }
  }

  function receipt(hash: Hex, contract: Hex, records: number): Receipt | null {
    const blockNumber = blocks.findIndex(block => block.effects.has(hash))
    const block = blocks[blockNumber]
    const effect = block?.effects.get(hash)
    if (!block || !effect) return null
    const wrong =
      effect.kind === "applied" && (effect.outcomes.length !== records || !contracts.has(contract))
    return {
      blockNumber,
      blockHash: block.hash,
      gasUsed: chain.gasUsed,
      effect: wrong ? { kind: "no-effect" } : effect,
    }
  }

  function obstacleOf(type: OperationType, address: Hex, writer: Hex): Obstacle | null {
    if (!contracts.has(address)) return "no-contract"
    const mayWrite = writers.size === 0 || writers.has(writer)
    return obstacles.get(type) ?? (mayWrite ? null : "no-writer-role")
  }

  function registryAt(type: OperationType, address: Hex): Registry {
    return {
      type,
      address,
      obstacle: async writer => obstacleOf(type, address, writer),
      async words(subjects) {
        if (!contracts.has(address)) throw new Error("no contract at the address")
        return subjects.map(subject => tip().after.words.get(`${address} ${subject}`) ?? 0n)
      },
      async wordsAt(subjects, number) {
        const state = stateAt(number)
        return state && subjects.map(subject => state.words.get(`${address} ${subject}`) ?? 0n)
      },
      head: async (writer, number) => {
        const state = stateAt(number)
        return state && (state.heads.get(`${address} ${writer}`) ?? NO_HEAD)
      },
    }
  }

  const chain: InMemoryChain = {
    automine: true,
    blockGasLimit: 30_000_000n,
    finalizedHeight: 0,
    oldestState: 0,
    gasUsed: 1n,
    baseFeePerGasWei: 1_000_000_000n,
    nextAnswers: [],
    broadcasts: [],
    ledger: {
      nonce: async (address, depth) => blocks[heightOf(depth)]?.after.nonces.get(address) ?? 0,
      nonceAt: async (address, number) => {
        const state = stateAt(number)
        return state && (state.nonces.get(address) ?? 0)
      },
      height: async depth => heightOf(depth),
      balanceWei: async address => balances.get(address) ?? COST_WEI,
      terms: async () => ({
        pricing: "eip-1559",
        baseFeePerGasWei: chain.baseFeePerGasWei,
        priorityFeePerGasWei: 1_000_000_000n,
        blockGasLimit: chain.blockGasLimit,
      }),
      async broadcast({ raw, hash }) {
        const batch = readSigned(raw)
        chain.broadcasts.push({ hash, nonce: batch.nonce })
        const answer = chain.nextAnswers.shift()
        if (answer === "lost-answer") accept(hash, batch)
        if (answer === "lost-answer" || answer === "unknown") return { kind: "unknown", detail: "no answer" }
        if (answer === "rejected") return { kind: "rejected", detail: "not in this form" }
        return answer ? { kind: answer } : accept(hash, batch)
      },
      receipt: async (hash, { contract, records }) => receipt(hash, contract, records),
      blockHash: async number => blocks[number]?.hash ?? null,
      async block(number) {
        const block = blocks[number]
        if (!block) return null
        const { hash, effects, timestampSeconds } = block
        return { hash, timestampSeconds, transactions: [...effects.keys()] }
      },
    },
    registry: type => registryAt(type, addresses.get(type) ?? fail("a type without a registry")),
    nowhere: () => registryAt("patient", newAddress()),
    grant: writer => void writers.add(writer),
    mine,
    reorganise: depth => void blocks.splice(blocks.length - depth, depth),
    dropPool: () => pool.clear(),
    reset() {
      blocks.splice(0, blocks.length, newBlock(new Map(), emptyState()))
      pool.clear()
    },
    setObstacle: (type, obstacle) =>
      obstacle ? void obstacles.set(type, obstacle) : void obstacles.delete(type),
    setBalance: (address, wei) => void balances.set(address, wei),
    useNonce(address) {
      const { words, nonces, heads } = tip().after
      const after = { words, heads, nonces: new Map(nonces).set(address, usedNonces(address) + 1) }
      blocks.push(newBlock(new Map(), after))
    },
    timesApplied(word) {
      const mined = new Set(blocks.flatMap(block => [...block.effects.keys()]))
      const words = [...applied].filter(([hash]) => mined.has(hash)).flatMap(([, written]) => written)
      return words.filter(written => written === word).length
    },
  }
  return chain
}

function emptyState(): State {
  return { words: new Map(), nonces: new Map(), heads: new Map() }
}

function newAddress(): Hex {
  return `0x${randomBytes(20).toString("hex")}`
}

function newHash(): Hex {
  return `0x${randomBytes(32).toString("hex")}`
}

function fail(message: string): never {
  throw new Error(message)
}
