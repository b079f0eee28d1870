import { createHash, randomUUID } from "node:crypto"
import { mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises"
import { basename, join } from "node:path"
import { pipeline } from "node:stream/promises"
import { constants, createZstdCompress } from "node:zlib"
import type { ArchiveFiles, Partition } from "../../outbox/archive-ports.ts"
import { ConfigurationError, UnavailableError } from "../../runtime/errors.ts"
import { FORMAT, inspect, readArchive } from "./read-archive.ts"

const LEFTOVER_AGE_MS = 86_400_000
/** The disk must not be filled by what is to empty another: so much stays free. */
const MIN_FREE_BYTES = 256 * 1024 * 1024

/**
 * One file a day: JSON lines, compressed with zstd (RFC 8878; `zstd -dc` reads it), and beside it its hash in the
 * form of `sha256sum`.
 */
export function createArchiveFiles(directory: string): ArchiveFiles {
  return {
    async write(partition, lines) {
      await assertSpace(directory)
      await removeLeftovers(directory)
      // Its own for each call: two processes may write the same day at once.
      const temporary = join(directory, `.${partition.name}-${randomUUID()}.part`)
      try {
        const { rows, bytes, sha256 } = await writeCompressed(temporary, partition, lines)
        const file = `${partition.name}-${sha256.slice(0, 12)}.jsonl.zst`
        await writeDurably(join(directory, `${file}.sha256`), `${sha256}  ${file}\n`)
        await rename(temporary, join(directory, file))
        await syncPath(directory)
        return {
          partition: partition.name,
          from: partition.from,
          to: partition.to,
          file,
          rows,
          bytes,
          sha256,
        }
      } finally {
        await rm(temporary, { force: true })
      }
    },
    inspect: file => inspect(join(directory, basename(file))),
    lines: file => readArchive(join(directory, basename(file))).chunks(),
  }
}

async function writeCompressed(
  path: string,
  { name, from, to }: Pick<Partition, "name" | "from" | "to">,
  lines: AsyncIterable<readonly string[]>,
): Promise<{ rows: number; bytes: number; sha256: string }> {
  const header = { format: FORMAT, partition: name, from: String(from), to: String(to) }
  const hash = createHash("sha256")
  let rows = 0
  let bytes = 0
  const packer = createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } })
  // Each chunk is packed before the next comes, the last one too before the end: how a frame ends would else depend on
  // what came first, and the same day would get another name.
  const pack = (text: string) =>
    new Promise<void>((resolve, reject) => {
      packer.write(text, error => (error ? reject(error) : resolve()))
    })
  async function packAll(): Promise<void> {
    await pack(`${JSON.stringify(header)}\n`)
    for await (const chunk of lines) {
      rows += chunk.length
      if (chunk.length > 0) await pack(`${chunk.join("\n")}\n`)
    }
    packer.end()
  }
  const file = await open(path, "w", 0o600)
  try {
    const written = pipeline(packer, async (packed: AsyncIterable<Buffer>) => {
      for await (const chunk of packed) {
        hash.update(chunk)
        bytes += chunk.length
        await file.appendFile(chunk)
      }
    })
    await Promise.all([written, packAll().catch(error => packer.destroy(error))])
    await file.sync()
  } finally {
    await file.close()
  }
  return { rows, bytes, sha256: hash.digest("hex") }
}

async function assertSpace(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new ConfigurationError(
      "LOG_ARCHIVE_DIRECTORY cannot be made: does its parent belong to this user?",
      {
        cause,
      },
    )
  }
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize < MIN_FREE_BYTES) {
    throw new UnavailableError(
      "The disk of LOG_ARCHIVE_DIRECTORY is nearly full: nothing is archived until there is room.",
    )
  }
}

/** Of processes that were killed while they wrote. */
async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!/^\.outbox_.*\.part$/.test(name)) continue
    const path = join(directory, name)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
    if (mtimeMs < Date.now() - LEFTOVER_AGE_MS) await rm(path, { force: true })
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A rename is on disk when its directory is. */
async function syncPath(directory: string): Promise<void> {
  const handle = await open(directory, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
