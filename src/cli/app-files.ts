import { getAppContracts } from "../adapters/ethereum/app-contracts.ts"
import type { Config } from "../config.ts"
import { isAppDirectory, writeAppFiles } from "../integrations/caregrid/app-files.ts"
import { ConfigurationError } from "../runtime/errors.ts"

type Addresses = Parameters<typeof getAppContracts>[0]

/**
 * Throws ConfigurationError (exit code 78) if the app could not use the files: to be called before anything is deployed.
 */
export async function assertAppFiles(config: Config, directory: string): Promise<void> {
  if (!(await isAppDirectory(directory))) {
    throw new ConfigurationError(`${directory} is not CareGrid's directory: there is no manage.py in it.`)
  }
  if (config.subjectHashing === "as-stored") return
  throw new ConfigurationError(
    "SUBJECT_HASHING is hmac: the chain then has subjects that the app's own reads cannot find, and it would take every address for unblocked. Set SUBJECT_HASHING=as-stored, or leave out --app-directory and switch the app's chain reads off (docs/integration.md).",
  )
}

/** Gives what was written, as lines for a person. */
export async function putAppFiles(directory: string, addresses: Addresses): Promise<string> {
  const paths = await writeAppFiles(directory, getAppContracts(addresses))
  return `Written in ${directory}: ${paths.join(", ")}. Restart the app: it reads them at its start.\n`
}
