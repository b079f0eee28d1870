import { composeStatus } from "../compose-status.ts"
import { readStatus, statusTable } from "../ops/status.ts"
import { ConfigurationError, EXIT } from "../runtime/errors.ts"
import type { AddCommand } from "./command.ts"
import { withShutdown } from "./service.ts"

export const addStatus: AddCommand = (program, context, answer) => {
  program
    .command("status")
    .description(
      "Shows what each stage has done, what waits and how old it is, consumer lag, dead letters and findings.",
    )
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Exit code 0: no finding and no dead letter; 1: there are some, Kafka being away among them; 69: Postgres cannot be reached.

Example:
  reconciler status --json`,
    )
    .action(async ({ json = false }: { json?: boolean }) => {
      const config = context.config({ contracts: false, servers: ["postgres", "kafka"] })
      const { databaseUrl, kafkaBrokers } = config
      if (databaseUrl === null || kafkaBrokers === null) {
        throw new ConfigurationError(
          "DATABASE_URL and KAFKA_BROKERS are needed: status asks running servers.",
        )
      }
      const logger = context.logger(config)
      const status = await withShutdown(logger, async shutdown =>
        readStatus(
          await composeStatus({ config, connections: { databaseUrl, kafkaBrokers }, logger, shutdown }),
        ),
      )
      context.stdout.write(json ? `${JSON.stringify(status)}\n` : statusTable(status))
      answer(status.findings.length + status.deadLetters === 0 ? EXIT.ok : EXIT.partialFailure)
    })
}
