import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

const execute = promisify(execFile)
const MAIN = join(import.meta.dirname, "../../src/main.ts")

/** The real command line, in a process of its own, with these settings and no others. */
export async function runCommand(
  argv: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const env = { PATH: process.env.PATH, LOG_LEVEL: "silent", ...settings }
  try {
    return { code: 0, ...(await execute(process.execPath, [MAIN, ...argv], { env, timeout: 60_000 })) }
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string }
  }
}
