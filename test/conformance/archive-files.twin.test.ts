import { createInMemoryArchiveFiles } from "../support/twins/archive-files.ts"
import { archiveFilesConformance } from "./archive-files.ts"

archiveFilesConformance("in memory", async () => {
  const { files, contents } = createInMemoryArchiveFiles()
  return {
    files,
    names: async () => [...contents.keys()],
    async cut(file, bytes) {
      const whole = contents.get(file) ?? ""
      contents.set(file, whole.slice(0, whole.length - bytes))
    },
    async putForeign(file) {
      contents.set(file, "{}\n")
    },
    close: async () => {},
  }
})
