import { lowerHex } from "../adapters/ethereum/registries.ts"
import { prepareContracts, withChain } from "../infrastructure.ts"
import { ConfigurationError, EXIT } from "../runtime/errors.ts"
import type { AddCommand } from "./command.ts"

interface DeployArguments {
  readonly adminKeyFile?: string
  readonly ifMissing?: boolean
  readonly json?: boolean
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
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
The lanes are the accounts of BLOCKCHAIN_PRIVATE_KEY_FILE; keep the admin key out of them.
Prints the three settings that \`reconciler run\` needs.

Example:
  BLOCKCHAIN_PROVIDER_URL=http://node:8545 BLOCKCHAIN_PRIVATE_KEY_FILE=lane.key \\
    reconciler deploy --admin-key-file admin.key > contracts.env`,
    )
    .action(async ({ adminKeyFile = "", ifMissing = false, json = false }: DeployArguments) => {
      const config = context.config({ contracts: ifMissing, servers: ["chain"] })
      if (config.blockchainProviderUrl === null) {
        throw new ConfigurationError(
          "BLOCKCHAIN_PROVIDER_URL is missing: an embedded chain gets its contracts by `reconciler run`.",
        )
      }
      const keep = ifMissing && config.contracts ? lowerAddresses(config.contracts) : null
      const result = await withChain(config.blockchainProviderUrl, connection =>
        prepareContracts(config, connection, { keep, adminKeyFile: adminKeyFile || null }),
      )
      if (keep && JSON.stringify(keep) !== JSON.stringify(result.contracts)) {
        throw new ConfigurationError(
          `No contracts were at the configured addresses; new ones are at other ones. Set:\n${asSettings(result.contracts)}`,
        )
      }
      context.stdout.write(json ? `${JSON.stringify(result)}\n` : asSettings(result.contracts))
      answer(EXIT.ok)
    })
}

type Addresses = Readonly<Record<"patient" | "ip-block" | "attack-signature", string>>

function lowerAddresses(addresses: Addresses) {
  return {
    patient: lowerHex(addresses.patient),
    "ip-block": lowerHex(addresses["ip-block"]),
    "attack-signature": lowerHex(addresses["attack-signature"]),
  }
}

function asSettings(contracts: Addresses): string {
  return [
    `PATIENT_REGISTRY_ADDRESS=${contracts.patient}`,
    `BLOCKED_IP_REGISTRY_ADDRESS=${contracts["ip-block"]}`,
    `ATTACK_SIGNATURE_REGISTRY_ADDRESS=${contracts["attack-signature"]}`,
    "",
  ].join("\n")
}
