import { open } from "node:fs/promises"
import { ConfigurationError } from "./errors.ts"

/**
 * What a file with a secret holds, without white space around it. Throws ConfigurationError (exit code 78) if it cannot
 * be read, or can be read by others. Mode and contents are of the same open file: a path could be exchanged between.
 */
export async function readPrivateFile(path: string): Promise<string> {
  const file = await open(path, "r").catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigurationError(`The key file ${path} cannot be read (${cause.code}).`)
  })
  try {
    const { mode } = await file.stat()
    if (mode & 0o077) {
      throw new ConfigurationError(`The key file ${path} can be read by others: chmod 600 it.`)
    }
    return (await file.readFile("utf8")).trim()
  } finally {
    await file.close()
  }
}
