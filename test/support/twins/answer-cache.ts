import type { AnswerCache } from "../../../src/answer-cache/ports.ts"

/** `kept` is what the app put there. */
export function createMemoryAnswerCache(kept: Map<string, string> = new Map()): AnswerCache {
  return {
    async forget(keys) {
      for (const key of keys) kept.delete(key)
    },
    close: async () => undefined,
  }
}
