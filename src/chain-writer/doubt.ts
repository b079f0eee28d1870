import type { Clock } from "../runtime/clock.ts"

/** A load-balanced node contradicts itself: what cannot be undone is believed when it was seen so often, over some time. */
const SIGHTINGS = 3

/** True once the same value was seen often and long enough; another value, or null for none, begins anew. */
export interface Doubt {
  settled(about: string, value: string | null): boolean
}

interface Sighting {
  readonly value: string
  readonly sinceMs: number
  count: number
}

export function createDoubt(options: { readonly clock: Clock; readonly overMs: number }): Doubt {
  const sightings = new Map<string, Sighting>()
  return {
    settled(about, value) {
      if (value === null) {
        sightings.delete(about)
        return false
      }
      const nowMs = options.clock.nowMs()
      const before = sightings.get(about)
      const sighting = before?.value === value ? before : { value, sinceMs: nowMs, count: 0 }
      sighting.count += 1
      sightings.set(about, sighting)
      const certain = sighting.count >= SIGHTINGS && nowMs - sighting.sinceMs >= options.overMs
      if (certain) sightings.delete(about)
      return certain
    },
  }
}
