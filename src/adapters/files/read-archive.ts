import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { readFile } from "node:fs/promises"
import { basename } from "node:path"
import { createZstdDecompress } from "node:zlib"
import { z } from "zod"
import type { Archive } from "../../outbox/archive-ports.ts"
import { UnavailableError } from "../../runtime/errors.ts"

export const FORMAT = "caregrid-log-archive/1"
const LINES_A_CHUNK = 2_000

/** First line of each file: with it a file tells what it is without the database that it came from. */
const headerSchema = z.strictObject({
  format: z.literal(FORMAT),
  partition: z.string().regex(/^outbox_[0-9]{8}$/),
  from: z.string().regex(/^[0-9]{1,19}$/),
  to: z.string().regex(/^[0-9]{1,19}$/),
})

/** Reads the whole file: its hash, and that each byte of it can be unpacked. */
export async function inspect(path: string): Promise<Archive> {
  const archive = readArchive(path)
  let rows = 0
  for await (const chunk of archive.chunks()) rows += chunk.length
  const { header, bytes, sha256 } = archive.read()
  const { partition, from, to } = header
  return { partition, from: BigInt(from), to: BigInt(to), file: basename(path), rows, bytes, sha256 }
}

interface ArchiveReading {
  /**
   * Ends only when the file is whole; before that it throws UnavailableError, so use nothing for good until then. The
   * unpacking alone does not tell: it says nothing of a small file's last bytes that are missing.
   */
  chunks(): AsyncGenerator<readonly string[]>
  /** After all chunks: what was read. */
  read(): { readonly header: z.infer<typeof headerSchema>; readonly bytes: number; readonly sha256: string }
}

export function readArchive(path: string): ArchiveReading {
  const hash = createHash("sha256")
  let header: z.infer<typeof headerSchema> | undefined
  let sha256 = ""
  let bytes = 0

  async function* chunks(): AsyncGenerator<readonly string[]> {
    let chunk: string[] = []
    for await (const line of readLines(path, packed => {
      hash.update(packed)
      bytes += packed.length
    })) {
      if (header) chunk.push(line)
      header ??= headerSchema.parse(JSON.parse(line))
      if (chunk.length === LINES_A_CHUNK) {
        yield chunk
        chunk = []
      }
    }
    if (!header) throw new Error("the file is empty")
    sha256 = hash.digest("hex")
    await assertHash(path, sha256)
    if (chunk.length > 0) yield chunk
  }

  return {
    async *chunks() {
      try {
        yield* chunks()
      } catch (cause) {
        throw new UnavailableError(
          `${basename(path)} cannot be read as an archive of the log: is it whole, and is it one?`,
          { cause },
        )
      }
    },
    read() {
      if (!header || sha256 === "") throw new Error(`${path} was not read to its end`)
      return { header, bytes, sha256 }
    },
  }
}

/** Against the file beside it and against its own name; one of them has to be there. */
async function assertHash(path: string, sha256: string): Promise<void> {
  const named = /-([0-9a-f]{12})\.jsonl\.zst$/.exec(path)?.[1]
  const text = await readFile(`${path}.sha256`, "utf8").catch(() => null)
  const written = text === null ? undefined : (/^([0-9a-f]{64})\b/.exec(text)?.[1] ?? "none")
  if (named === undefined && written === undefined) throw new Error("there is no hash to compare it with")
  if (written !== undefined && written !== sha256) throw new Error("its hash is not the one beside it")
  if (named !== undefined && !sha256.startsWith(named)) throw new Error("its hash is not the one in its name")
}

async function* readLines(path: string, onPacked: (packed: Buffer) => void): AsyncGenerator<string> {
  const source = createReadStream(path)
  const unpacked = createZstdDecompress()
  source.on("error", error => unpacked.destroy(error))
  source.on("data", packed => onPacked(Buffer.from(packed)))
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
