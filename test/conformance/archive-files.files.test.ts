import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { zstdCompressSync } from "node:zlib"
import { createArchiveFiles } from "../../src/adapters/files/archive-files.ts"
import { archiveFilesConformance } from "./archive-files.ts"

archiveFilesConformance("on disk", async () => {
  const directory = await mkdtemp(join(tmpdir(), "caregrid-archive-"))
  return {
    files: createArchiveFiles(directory),
    names: async () => (await readdir(directory)).filter(name => !name.endsWith(".sha256")),
    async cut(file, bytes) {
      const whole = await readFile(join(directory, file))
      await writeFile(join(directory, file), whole.subarray(0, whole.length - bytes))
    },
    putForeign: file => writeFile(join(directory, file), zstdCompressSync("{}\n")),
    close: () => rm(directory, { recursive: true }),
  }
})
