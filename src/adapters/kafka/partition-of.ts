/**
 * The partition of a key: murmur2 of its UTF-8 bytes without the sign bit, modulo the partitions, as Kafka's own
 * clients have it. Every producer must agree, or a subject's events would stand in two partitions.
 */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions
}

const SEED = 0x9747b28c
const M = 0x5bd1e995

/** Of org.apache.kafka.common.utils.Utils. */
function murmur2(data: Buffer): number {
  const { length } = data
  let hash = SEED ^ length
  let index = 0
  for (; index + 4 <= length; index += 4) {
    let word = Math.imul(data.readInt32LE(index), M)
    word ^= word >>> 24
    hash = Math.imul(hash, M) ^ Math.imul(word, M)
  }
  if (index < length) {
    for (let rest = length - index - 1; rest >= 0; rest -= 1) hash ^= (data[index + rest] ?? 0) << (8 * rest)
    hash = Math.imul(hash, M)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, M)
  return hash ^ (hash >>> 15)
}
