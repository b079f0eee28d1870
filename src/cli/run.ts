import { InvalidArgumentError, Option } from "commander"
import type { Config } from "../config.ts"
import { runServices } from "../run-services.ts"
import { EXIT } from "../runtime/errors.ts"
import { linkedSignal } from "../runtime/linked-signal.ts"
import { ROLES, type Role } from "../settings.ts"
import type { AddCommand } from "./command.ts"
import type { CliContext } from "./context.ts"
import { progressReport } from "./progress.ts"
import { type StartedService, startService, withShutdown } from "./service.ts"

export const addRun: AddCommand = (program, context, answer) => {
  program
    .command("run")
    .description("Runs the service until it is stopped.")
    .addOption(
      new Option("--roles <list>", `which of ${ROLES.join(", ")} run here, separated by commas`)
        .argParser(parseRoles)
        .default(new Set(ROLES), "all"),
    )
    .addHelpText(
      "after",
      `
Examples:
  npm start                                    everything embedded, for trying; its data are temporary
  reconciler run                               all roles, on the servers that the environment names
  reconciler run --roles relay,projector       two of the roles; the others run elsewhere`,
    )
    .action(async ({ roles }: { roles: ReadonlySet<Role> }) => answer(await run(context, roles)))
}

function parseRoles(text: string): ReadonlySet<Role> {
  const roles = text.split(",").map(part => part.trim())
  const unknown = roles.filter(role => !ROLES.some(known => known === role))
  if (unknown.length > 0)
    throw new InvalidArgumentError(`names from ${ROLES.join(", ")}, separated by commas.`)
  return new Set(ROLES.filter(role => roles.includes(role)))
}

async function run(context: CliContext, roles: ReadonlySet<Role>): Promise<number> {
  const config = context.config()
  const logger = context.logger(config)
  return withShutdown(logger, async shutdown => {
    using running = linkedSignal(context.signal)
    let lost: Error | undefined
    const started = await startService(context, {
      config,
      roles,
      logger,
      report: progressReport(context.stderr),
      shutdown,
      onLost(error) {
        lost = error
        running.abort()
      },
    })
    context.stderr.write(readyMessage(config, started.connections))
    logger.info({ roles: [...roles] }, "running")
    await runServices(started.services, running.signal)
    if (lost) throw lost
    logger.info("stopped")
    return EXIT.ok
  })
}

function readyMessage(config: Config, connections: StartedService["connections"]): string {
  if (config.embedded.size === 0) return ""
  const { databaseUrl, kafkaBrokers, blockchainProviderUrl, contracts } = connections
  return `Embedded: ${[...config.embedded].join(", ")}. Their data are temporary: they are deleted when this ends.
For another terminal (reconciler status, psql):
  export DATABASE_URL=${databaseUrl} KAFKA_BROKERS=${kafkaBrokers.join(",")}
  export BLOCKCHAIN_PROVIDER_URL=${blockchainProviderUrl}
  export PATIENT_REGISTRY_ADDRESS=${contracts.patient}
  export BLOCKED_IP_REGISTRY_ADDRESS=${contracts["ip-block"]}
  export ATTACK_SIGNATURE_REGISTRY_ADDRESS=${contracts["attack-signature"]}
Running. Ctrl-C stops it.
`
}
