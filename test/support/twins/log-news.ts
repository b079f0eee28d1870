import type { LogNews } from "../../../src/relay/ports.ts"
import type { Clock } from "../../../src/runtime/clock.ts"
import { createWake } from "../../../src/runtime/wake.ts"

export interface InMemoryLogNews {
  readonly news: LogNews
  append(): void
}

export function createInMemoryLogNews(clock: Clock): InMemoryLogNews {
  const { wake, wait } = createWake(clock)
  let askedUntilMs = 0
  return {
    append() {
      if (clock.nowMs() < askedUntilMs) wake()
    },
    news: {
      async ask(forMs) {
        askedUntilMs = clock.nowMs() + forMs
        return true
      },
      async stopAsking() {
        askedUntilMs = 0
      },
      wait,
    },
  }
}
