import { createHash } from "node:crypto"
import type { Archive, ArchiveFiles } from "../../../src/outbox/archive-ports.ts"
import { OperatorError } from "../../../src/runtime/errors.ts"
import { collectLines } from "../collect-lines.ts"

export interface InMemoryArchiveFiles {
  readonly files: ArchiveFiles
  /** By file name; a test may damage them. */
  readonly contents: Map<string, string>
}

/** Like the real ones: a first line that tells what the file is, then one line an event; only not compressed. */
export function createInMemoryArchiveFiles(): InMemoryArchiveFiles {
  const contents = new Map<string, string>()

  function inspect(file: string): Archive {
    const content = contents.get(file)
    const header = /^(outbox_[0-9]{8}) ([0-9]+) ([0-9]+)\n/.exec(content ?? "")
    if (content === undefined || header === null || !file.includes(`-${sha256(content).slice(0, 12)}.`)) {
      throw new OperatorError(`${file} cannot be read as an archive of the log.`, 1)
    }
    const [, partition = "", from = "", to = ""] = header
    return {
      partition,
      from: BigInt(from),
      to: BigInt(to),
      file,
      rows: linesOf(content).length,
      bytes: Buffer.byteLength(content),
      sha256: sha256(content),
    }
  }

  return {
    contents,
    files: {
      async write({ name, from, to }, lines) {
        const all = await collectLines(lines)
        const content = [`${name} ${from} ${to}`, ...all, ""].join("\n")
        const file = `${name}-${sha256(content).slice(0, 12)}.jsonl`
        contents.set(file, content)
        return inspect(file)
      },
      inspect: async file => inspect(file),
      async *lines(file) {
        inspect(file)
        const lines = linesOf(contents.get(file) ?? "")
        if (lines.length > 0) yield lines
      },
    },
  }
}

function linesOf(content: string): readonly string[] {
  return content.split("\n").slice(1, -1)
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
