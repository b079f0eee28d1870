import type { JsonRpcProvider } from "ethers"
import { parseMessage } from "../../src/bus/envelope.ts"
import type { ReceivedMessage } from "../../src/bus/message.ts"
import { type ContractAddresses, readHistory } from "../../src/demo/observe/chain.ts"
import { decodeWord, FLAG } from "../../src/domain/word.ts"

/**
 * Subjects whose events came out of the order of their positions. Messages can come twice, so only an event's first
 * coming counts. `messages` are in offset order within a partition, and a subject is in one partition of one topic.
 */
export function outOfOrderInTopics(messages: readonly ReceivedMessage[]): readonly string[] {
  const seen = new Set<string>()
  const highest = new Map<string, bigint>()
  const wrong = new Set<string>()
  for (const message of messages) {
    const parsed = parseMessage(message)
    if (!parsed.ok || seen.has(parsed.event.eventId)) continue
    seen.add(parsed.event.eventId)
    const key = `${message.topic}/${parsed.event.subject}`
    if ((highest.get(key) ?? 0n) > parsed.event.position) wrong.add(key)
    highest.set(key, parsed.event.position)
  }
  return [...wrong]
}

/** Subjects whose slot went back to an older version: from the contracts' events, in block order. */
export async function outOfOrderOnChain(
  provider: JsonRpcProvider,
  contracts: ContractAddresses,
): Promise<readonly string[]> {
  const { outcomes } = await readHistory(provider, contracts, { fromBlock: 0, neighbour: "0x" })
  const highest = new Map<string, bigint>()
  const wrong = new Set<string>()
  for (const { registry, subject, word, outcome } of outcomes) {
    const { version, flags } = decodeWord(word)
    // An expiry carries the version of its block.
    if (outcome !== "Applied" || (flags & FLAG.expire) !== 0) continue
    const key = `${registry}/${subject}`
    if ((highest.get(key) ?? 0n) > version) wrong.add(key)
    highest.set(key, version)
  }
  return [...wrong]
}
