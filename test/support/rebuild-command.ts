import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { RegistryAddresses } from "../../src/adapters/ethereum/registries.ts"

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `deploy --rebuild` in a process of its own, with a lane's key and an admin's. */
export function rebuildCommand(keys: { readonly lane: string; readonly admin: string }) {
  const directory = mkdtempSync(join(tmpdir(), "rebuild-"))
  writeFileSync(join(directory, "lane"), keys.lane, { mode: 0o600 })
  writeFileSync(join(directory, "admin"), keys.admin, { mode: 0o600 })

  return {
    start(settings: Readonly<Record<string, string>>, ...options: string[]): ChildProcess {
      const args = [MAIN, "deploy", "--rebuild", "--admin-key-file", join(directory, "admin"), ...options]
      const env = {
        PATH: process.env.PATH ?? "",
        HOME: process.env.HOME ?? "",
        BLOCKCHAIN_PRIVATE_KEY_FILE: join(directory, "lane"),
        BATCH_SIZE: "7",
        BATCHES_IN_FLIGHT: "2",
        LEASE_MS: "500",
        ...settings,
      }
      return spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] })
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** Its end, with all it said. */
export async function ended(child: ChildProcess, onStderr: (text: string) => void = () => {}): Promise<Ran> {
  let [stdout, stderr] = ["", ""]
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
    onStderr(text)
  })
  const [code] = (await once(child, "close")) as [number | null]
  return { code, stdout, stderr }
}

/** The addresses it printed. */
export function contractsIn(settings: string): RegistryAddresses {
  const [patient, block, signature] = [...settings.matchAll(/=(0x[0-9a-f]{40})$/gm)].map(([, found]) => found)
  return {
    patient: patient as `0x${string}`,
    "ip-block": block as `0x${string}`,
    "attack-signature": signature as `0x${string}`,
  }
}
