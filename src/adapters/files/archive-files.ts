import { createHash, randomUUID } from "node:crypto"
import { createReadStream } from "node:fs"
import { mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises"
import { basename, join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createZstdCompress, createZstdDecompress } from "node:zlib"
import { z } from "zod"
import type { Archive, ArchiveFiles, Partition } from "../../outbox/archive-ports.ts"
import { ConfigurationError, UnavailableError } from "../../runtime/errors.ts"

/** First line of each file: with it a file tells what it is without the database that it came from. */
const headerSchema = z.strictObject({
  format: z.literal("caregrid-log-archive/1"),
  partition: z.string().regex(/^outbox_[0-9]{8}$/),
  from: z.string().regex(/^[0-9]{1,19}$/),
  to: z.string().regex(/^[0-9]{1,19}$/),
})

const LEFTOVER_AGE_MS = 86_400_000
const LINES_A_CHUNK = 2_000
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
    inspect: file => inspect(directory, file),
    lines: file => readChunks(join(directory, basename(file))),
  }
}

async function writeCompressed(
  path: string,
  { name, from, to }: Pick<Partition, "name" | "from" | "to">,
  lines: AsyncIterable<readonly string[]>,
): Promise<{ rows: number; bytes: number; sha256: string }> {
  const header = { format: "caregrid-log-archive/1", partition: name, from: String(from), to: String(to) }
  const hash = createHash("sha256")
  let rows = 0
  let bytes = 0
  async function* text(): AsyncGenerator<string> {
    yield `${JSON.stringify(header)}\n`
    for await (const chunk of lines) {
      rows += chunk.length
      if (chunk.length > 0) yield `${chunk.join("\n")}\n`
    }
  }
  const file = await open(path, "w", 0o600)
  try {
    await pipeline(Readable.from(text()), createZstdCompress(), async (packed: AsyncIterable<Buffer>) => {
      for await (const chunk of packed) {
        hash.update(chunk)
        bytes += chunk.length
        await file.appendFile(chunk)
      }
    })
    await file.sync()
  } finally {
    await file.close()
  }
  return { rows, bytes, sha256: hash.digest("hex") }
}

/** Reads the whole file: its hash, and that each byte of it can be unpacked. */
async function inspect(directory: string, file: string): Promise<Archive> {
  const path = join(directory, basename(file))
  const hash = createHash("sha256")
  let bytes = 0
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
    }
    const header = await readHeader(path)
    let rows = 0
    for await (const chunk of readChunks(path)) rows += chunk.length
    const { partition, from, to } = header
    const sha256 = hash.digest("hex")
    return { partition, from: BigInt(from), to: BigInt(to), file: basename(file), rows, bytes, sha256 }
  } catch (cause) {
    throw new UnavailableError(
      `${file} cannot be read as an archive of the log: is it whole, and is it one?`,
      {
        cause,
      },
    )
  }
}

async function readHeader(path: string): Promise<z.infer<typeof headerSchema>> {
  for await (const line of readLines(path)) return headerSchema.parse(JSON.parse(line))
  throw new Error("the file is empty")
}

async function* readChunks(path: string): AsyncGenerator<readonly string[]> {
  let chunk: string[] = []
  let isHeader = true
  for await (const line of readLines(path)) {
    if (!isHeader) chunk.push(line)
    isHeader = false
    if (chunk.length === LINES_A_CHUNK) {
      yield chunk
      chunk = []
    }
  }
  if (chunk.length > 0) yield chunk
}

async function* readLines(path: string): AsyncGenerator<string> {
  const source = createReadStream(path)
  const unpacked = createZstdDecompress()
  source.on("error", error => unpacked.destroy(error))
  source.pipe(unpacked).setEncoding("utf8")
  let rest = ""
  try {
    for await (const text of unpacked as AsyncIterable<string>) {
      const lines = (rest + text).split("\n")
      rest = lines.pop() ?? ""
      yield* lines
    }
  } finally {
    source.destroy()
  }
  if (rest !== "") throw new Error("the file ends in the middle of a line")
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
