import { systemClock } from "../../src/runtime/clock.ts"
import { createInMemoryLogNews } from "../support/twins/log-news.ts"
import { logNewsConformance } from "./log-news.ts"

logNewsConformance("in memory", async () => {
  const { news, append } = createInMemoryLogNews(systemClock)
  return { news, append: async () => append(), close: async () => undefined }
})
