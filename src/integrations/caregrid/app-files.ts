import { constants, copyFile, mkdir, rename, stat, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { OperationType } from "../../domain/operation.ts"

export interface AppContract {
  /** As the app looks it up. */
  readonly name: string
  /** With the checksum in its letters' case: web3.py takes no other. */
  readonly address: string
  readonly abi: readonly unknown[]
}

/** Where CareGrid loads a contract's ABI from, below its own directory; one file has another name than its contract. */
const ABI_FILES: Readonly<Record<OperationType, string>> = {
  patient: "caregrid_chain/artifacts/contracts/PatientRegistry.sol/PatientRegistry.json",
  "ip-block": "caregrid_chain/artifacts/contracts/BlockedIP.sol/BlockedIPRegistry.json",
  "attack-signature":
    "caregrid_chain/artifacts/contracts/AttackSignatureRegistry.sol/AttackSignatureRegistry.json",
}
const ADDRESSES_FILE = "caregrid_chain/deployments/all-contracts.json"
const EARLIER = ".before-reconciler"

/** True if CareGrid's code is there. */
export async function isAppDirectory(directory: string): Promise<boolean> {
  return exists(join(directory, "manage.py"))
}

/**
 * Writes what CareGrid reads at its start: an ABI file for each contract, and their addresses. The addresses come last:
 * an app that starts in between still has the old ones, with ABIs that answer the same questions. What was there first is
 * kept beside each file, under `.before-reconciler`. Gives the paths written, below the directory.
 */
export async function writeAppFiles(
  directory: string,
  contracts: Readonly<Record<OperationType, AppContract>>,
): Promise<readonly string[]> {
  const abis = Object.entries(ABI_FILES).map(([type, path]) => {
    const { name, abi } = contracts[type as OperationType]
    return { path, content: { contractName: name, abi } }
  })
  const addresses = Object.fromEntries(Object.values(contracts).map(({ name, address }) => [name, address]))
  const files = [...abis, { path: ADDRESSES_FILE, content: addresses }]
  for (const { path, content } of files) await replace(join(directory, path), content)
  return files.map(({ path }) => path)
}

async function replace(path: string, content: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if (await exists(path)) {
    await copyFile(path, `${path}${EARLIER}`, constants.COPYFILE_EXCL).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error
      },
    )
  }
  // Renamed into place: an app that starts meanwhile reads the old file or the new one, whole.
  const partial = `${path}.partial`
  await writeFile(partial, `${JSON.stringify(content, null, 2)}\n`)
  await rename(partial, path)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
