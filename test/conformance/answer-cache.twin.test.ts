import { createMemoryAnswerCache } from "../support/twins/answer-cache.ts"
import { answerCacheConformance } from "./answer-cache.ts"

answerCacheConformance("memory", async () => {
  const kept = new Map<string, string>()
  return {
    cache: createMemoryAnswerCache(kept),
    keep: async (key, answer) => void kept.set(key, answer),
    kept: async key => kept.get(key) ?? null,
    close: async () => undefined,
  }
})
