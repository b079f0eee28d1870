import { InvalidArgumentError } from "commander"
import { lowerHex } from "../adapters/ethereum/registries.ts"
import { prepareContracts, withChain } from "../infrastructure.ts"
import { ConfigurationError, EXIT } from "../runtime/errors.ts"
import { assertAppFiles, putAppFiles } from "./app-files.ts"
import type { AddCommand } from "./command.ts"
import type { CliContext } from "./context.ts"
import { asSettings, rebuild } from "./rebuild.ts"

interface DeployArguments {
  readonly adminKeyFile?: string
  readonly ifMissing?: boolean
  readonly appDirectory?: string
  readonly json?: boolean
  readonly rebuild?: boolean
  readonly dryRun?: boolean
  readonly newChain?: boolean
  readonly ontoConfigured?: boolean
  readonly acceptDifferences?: boolean
  readonly abandonRebuild?: boolean
  readonly drainSeconds?: number
}

export const addDeploy: AddCommand = (program, context, answer) => {
  program
    .command("deploy")
    .description(
      "Deploys the three registries to the chain in BLOCKCHAIN_PROVIDER_URL and lets the lanes write.",
    )
    .option(
      "--admin-key-file <path>",
      "private key that pays and becomes admin (mode 600); development chain: account 0",
    )
    .option(
      "--if-missing",
      "keep the contracts at the configured addresses if they are these; deploy if there is no code",
    )
    .option(
      "--app-directory <path>",
      "CareGrid's directory (with manage.py): writes the ABI files and addresses that its chain reads load",
    )
    .option("--json", "print one JSON object")
    .option("--rebuild", "in place of those in use: new contracts, brought to what the log says")
    .option("--dry-run", "with --rebuild: count and estimate, write nothing")
    .option("--new-chain", "with --rebuild: the lanes leave a chain that is gone for good")
    .option("--onto-configured", "with --rebuild: onto contracts that another branch has deployed")
    .option("--accept-differences", "with --rebuild: switch also where the old contracts say something else")
    .option(
      "--drain-seconds <n>",
      "with --rebuild: how long to wait for what is in flight",
      parseSeconds,
      300,
    )
    .option("--abandon-rebuild", "ends a rebuild that was begun: all is as before")
    .addHelpText(
      "after",
      `
The lanes are the accounts of BLOCKCHAIN_PRIVATE_KEY_FILE; keep the admin key out of them.
Prints the three settings that \`reconciler run\` needs.

--rebuild needs DATABASE_URL. The service may go on: its lanes finish what is in flight and make room; what comes
meanwhile waits, and is written to the new contracts. Killed, it goes on where it was when called again. At its end the
new contracts are the only ones written to: set the addresses it prints and restart the service.
Exit code 1: not switched, the reason is told; 75: something is still in flight, try again.

Examples:
  BLOCKCHAIN_PROVIDER_URL=http://node:8545 BLOCKCHAIN_PRIVATE_KEY_FILE=lane.key \\
    reconciler deploy --admin-key-file admin.key > contracts.env
  reconciler deploy --if-missing --app-directory /srv/caregrid
  reconciler deploy --rebuild --dry-run
  reconciler deploy --rebuild --admin-key-file admin.key > contracts.env`,
    )
    .action(async (options: DeployArguments) => {
      const { rebuild: isRebuild = false, abandonRebuild = false } = options
      const run = isRebuild || abandonRebuild ? rebuildWith : deploy
      answer(await run(context, options))
    })
}

function parseSeconds(text: string): number {
  if (!/^[0-9]{1,6}$/.test(text)) throw new InvalidArgumentError("a whole number of seconds.")
  return Number(text)
}

function rebuildWith(context: CliContext, options: DeployArguments) {
  return rebuild(context, {
    adminKeyFile: options.adminKeyFile || null,
    appDirectory: options.appDirectory ?? null,
    json: options.json ?? false,
    dryRun: options.dryRun ?? false,
    newChain: options.newChain ?? false,
    ontoConfigured: options.ontoConfigured ?? false,
    acceptDifferences: options.acceptDifferences ?? false,
    abandon: options.abandonRebuild ?? false,
    drainSeconds: options.drainSeconds ?? 300,
  })
}

async function deploy(context: CliContext, options: DeployArguments) {
  const { adminKeyFile = "", ifMissing = false, appDirectory, json = false } = options
  const config = context.config({ contracts: ifMissing, servers: ["chain"] })
  if (config.blockchainProviderUrl === null) {
    throw new ConfigurationError(
      "BLOCKCHAIN_PROVIDER_URL is missing: an embedded chain gets its contracts by `reconciler run`.",
    )
  }
  if (appDirectory !== undefined) await assertAppFiles(config, appDirectory)
  const keep = ifMissing && config.contracts ? lowerAddresses(config.contracts) : null
  const result = await withChain(config.blockchainProviderUrl, connection =>
    prepareContracts(config, connection, { keep, adminKeyFile: adminKeyFile || null }),
  )
  if (keep && JSON.stringify(keep) !== JSON.stringify(result.contracts)) {
    throw new ConfigurationError(
      `No contracts were at the configured addresses; new ones are at other ones. Set:\n${asSettings(result.contracts)}`,
    )
  }
  if (appDirectory !== undefined) context.stderr.write(await putAppFiles(appDirectory, result.contracts))
  context.stdout.write(json ? `${JSON.stringify(result)}\n` : asSettings(result.contracts))
  return EXIT.ok
}

function lowerAddresses(addresses: Readonly<Record<"patient" | "ip-block" | "attack-signature", string>>) {
  return {
    patient: lowerHex(addresses.patient),
    "ip-block": lowerHex(addresses["ip-block"]),
    "attack-signature": lowerHex(addresses["attack-signature"]),
  }
}
