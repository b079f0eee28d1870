/** Random numbers that a seed brings back. Not for secrets. */
export interface Random {
  /** A whole number from 0 to `limit` − 1. */
  below(limit: number): number
  pick<T>(items: readonly [T, ...T[]]): T
  /** True this often, 0 to 1. */
  chance(probability: number): boolean
  shuffled<T>(items: readonly T[]): T[]
}

/** mulberry32 (Tommy Ettinger, public domain): 32 bits of state, good enough to vary traffic. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    below,
    pick: items => items[below(items.length)] ?? items[0],
    chance: probability => next() < probability,
    shuffled: items =>
      items
        .map(item => ({ item, order: next() }))
        .sort((a, b) => a.order - b.order)
        .map(({ item }) => item),
  }
}
