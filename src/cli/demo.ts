import { randomInt } from "node:crypto"
import { DEVELOPMENT_CHAIN_ID, developmentKey, developmentPrivateKey } from "../adapters/ethereum/keys.ts"
import { composeStatus } from "../compose-status.ts"
import { type DemoOptions, demoOptions, type GivenDemoOptions } from "../demo/options.ts"
import { runServices } from "../run-services.ts"
import { ConfigurationError, EXIT } from "../runtime/errors.ts"
import { linkedSignal } from "../runtime/linked-signal.ts"
import { EMBEDDABLE, ROLES } from "../settings.ts"
import type { AddCommand } from "./command.ts"
import type { CliContext } from "./context.ts"
import { progressReport } from "./progress.ts"
import { type StartedService, startService, withShutdown } from "./service.ts"

const NEIGHBOUR_ACCOUNT = 19

export const addDemo: AddCommand = (program, context, answer) => {
  program
    .command("demo")
    .description(
      "Starts everything embedded, runs a day at a hospital through the pipeline and checks what came out.",
    )
    .option("--operations <n>", "how many operations end up in the log (default: 300)")
    .option("--block-ttl <seconds>", "how long an automatic block lasts (default: 5)")
    .option("--seed <n>", "brings back the same traffic (default: random, shown)")
    .option("--json", "print exactly one JSON object on stdout")
    .option("--keep", "stay up afterwards, until Ctrl-C")
    .addHelpText(
      "after",
      `
Exit code 0 only if everything holds: nothing lost, nothing doubled, every state as it must be.

Examples:
  npm run demo
  npm run demo -- --operations 5000 --json
  npm run demo -- --seed 7 --block-ttl 10 --keep`,
    )
    .action(async (given: GivenDemoOptions) => {
      answer(
        await demo(
          context,
          demoOptions(given, () => randomInt(2 ** 32)),
        ),
      )
    })
}

async function demo(context: CliContext, options: DemoOptions): Promise<number> {
  const config = context.config()
  if (config.embedded.size < EMBEDDABLE.length) {
    throw new ConfigurationError(
      "The demo writes made-up patients: unset the servers' settings, it uses embedded ones only.",
    )
  }
  // The traffic has broken events on purpose, and log lines would tear the progress on a terminal.
  const logger = context.logger({
    ...config,
    logLevel: config.logLevel === "info" ? "fatal" : config.logLevel,
  })
  return withShutdown(logger, async shutdown => {
    using running = linkedSignal(context.signal)
    let failure: unknown
    const fail = (error: unknown) => {
      failure ??= error
      running.abort()
    }
    const startedMs = performance.now()
    const started = await startService(context, {
      config,
      roles: new Set(ROLES),
      logger,
      report: progressReport(context.stderr),
      shutdown,
      onLost: fail,
      alsoWriters: [developmentKey(DEVELOPMENT_CHAIN_ID, NEIGHBOUR_ACCOUNT).address],
    })
    context.stderr.write(
      `Infrastructure ready after ${((performance.now() - startedMs) / 1000).toFixed(1)} s.\n`,
    )
    const status = await composeStatus({ config, connections: started.connections, logger, shutdown })
    const service = runServices(started.services, running.signal).catch(fail)
    try {
      const { runHospitalDay } = await import("../demo/run-hospital-day.ts")
      const day = await runHospitalDay({
        ...started.connections,
        neighbourPrivateKey: developmentPrivateKey(DEVELOPMENT_CHAIN_ID, NEIGHBOUR_ACCOUNT),
        options,
        status,
        signal: running.signal,
        clock: context.clock,
        stdout: context.stdout,
        stderr: context.stderr,
      })
      if (options.keep) await keepUp(context, started, running.signal)
      if (failure) throw failure
      return day.holds ? EXIT.ok : EXIT.partialFailure
    } catch (error) {
      throw failure ?? error
    } finally {
      running.abort()
      await service
    }
  })
}

async function keepUp(
  context: CliContext,
  { connections }: StartedService,
  signal: AbortSignal,
): Promise<void> {
  const { databaseUrl, kafkaBrokers, blockchainProviderUrl } = connections
  context.stderr.write(
    `Staying up until Ctrl-C:\n  ${databaseUrl}\n  kafka ${kafkaBrokers.join(",")}\n  chain ${blockchainProviderUrl}\n`,
  )
  if (signal.aborted) return
  await new Promise<void>(resolve => signal.addEventListener("abort", () => resolve(), { once: true }))
}
