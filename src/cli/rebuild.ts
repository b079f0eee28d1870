import type { ChainConnection } from "../adapters/ethereum/provider.ts"
import { operationTypes } from "../adapters/ethereum/registries.ts"
import type { Contracts } from "../chain-writer/deployment-ports.ts"
import { estimateRebuild, type RebuildEstimate } from "../chain-writer/rebuild/estimate.ts"
import {
  type OpenLane,
  type RebuildOutcome,
  type RebuildProgress,
  rebuildContracts,
} from "../chain-writer/rebuild/rebuild.ts"
import { composeRebuild, type RebuildTools } from "../compose-rebuild.ts"
import type { Config } from "../config.ts"
import { configuredContracts, newContracts, openChain } from "../infrastructure.ts"
import { ConfigurationError, EXIT, type ExitCode, OperatorError } from "../runtime/errors.ts"
import { assertAppFiles, putAppFiles } from "./app-files.ts"
import type { CliContext } from "./context.ts"
import { withShutdown } from "./service.ts"

export interface RebuildArguments {
  readonly adminKeyFile: string | null
  readonly appDirectory: string | null
  readonly json: boolean
  readonly dryRun: boolean
  readonly newChain: boolean
  readonly ontoConfigured: boolean
  readonly acceptDifferences: boolean
  readonly abandon: boolean
  /** How long to wait until all that is in flight is final. */
  readonly drainSeconds: number
}

const TELL_MS = 1_000

/** `deploy --rebuild`: see docs/operations.md. */
export async function rebuild(context: CliContext, options: RebuildArguments): Promise<ExitCode> {
  const config = context.config({ contracts: options.ontoConfigured, servers: ["postgres", "chain"] })
  const { databaseUrl, blockchainProviderUrl: chainUrl } = config
  if (databaseUrl === null || chainUrl === null) {
    throw new ConfigurationError(
      "DATABASE_URL and BLOCKCHAIN_PROVIDER_URL are needed: a log and a chain that last.",
    )
  }
  if (options.appDirectory !== null) await assertAppFiles(config, options.appDirectory)
  // What each batch comes to is told as progress.
  const logger = context.logger({ ...config, ...(config.logLevel === "info" && { logLevel: "warn" }) })
  const { clock, signal } = context
  return withShutdown(logger, async shutdown => {
    const connection = await openChain(chainUrl, logger)
    shutdown.add("chain", () => connection.close())
    const tools = await composeRebuild({ config, databaseUrl, connection, clock, logger, signal, shutdown })
    if (options.abandon) return abandon(context, tools)
    if (options.dryRun) return dryRun(context, config, tools, options)
    // Before anything is begun: while a rebuild goes on, nothing else is written.
    const shared = options.ontoConfigured ? await sharedContracts(config, connection, tools) : null
    const outcome = await rebuildContracts({
      ...tools.parts,
      genesisHash: connection.genesisHash,
      deploy: async () => shared ?? newContracts(config, connection, options.adminKeyFile),
      leaveChain: options.newChain,
      acceptDifferences: options.acceptDifferences,
      drainMs: options.drainSeconds * 1000,
      onProgress: teller(context),
    })
    if (outcome.kind === "rebuilt" && options.appDirectory !== null) {
      context.stderr.write(await putAppFiles(options.appDirectory, outcome.contracts))
    }
    return answer(context, outcome, options.json)
  })
}

/** Another branch's. Throws ConfigurationError also where a rebuild onto others was begun: it would go on with those. */
async function sharedContracts(config: Config, connection: ChainConnection, { deployments }: RebuildTools) {
  const shared = await configuredContracts(config, connection)
  const { rebuild } = await deployments.current()
  const begun = rebuild?.genesisHash === connection.genesisHash ? rebuild.contracts : null
  if (begun && operationTypes.some(type => begun[type] !== shared[type])) {
    throw new ConfigurationError(
      `A rebuild onto other contracts was begun: end it with --abandon-rebuild, or set its own:\n${asSettings(begun)}`,
    )
  }
  return shared
}

async function abandon(context: CliContext, { deployments }: RebuildTools): Promise<ExitCode> {
  const { rebuild } = await deployments.current()
  if (rebuild) await deployments.abandon(rebuild.id)
  context.stdout.write(
    rebuild ? "abandoned: the lanes go on with the contracts they had\n" : "there is no rebuild\n",
  )
  return EXIT.ok
}

async function dryRun(
  context: CliContext,
  config: Config,
  { parts, ledger }: RebuildTools,
  { json }: RebuildArguments,
): Promise<ExitCode> {
  const estimate = await estimateRebuild({ ...parts, ledger, maxRecords: config.batchSize })
  context.stdout.write(json ? `${JSON.stringify(estimate, bigintAsText)}\n` : estimateText(estimate))
  return EXIT.ok
}

function estimateText({ subjects, transactions, gasAtMost, costAtMostWei, lanes, resumes }: RebuildEstimate) {
  return [
    resumes ? "A rebuild was begun and not ended: it would be resumed." : "Would deploy three contracts.",
    `Would write ${subjects.patient} patients, ${subjects["ip-block"]} IP blocks, ${subjects["attack-signature"]} attack signatures`,
    `in ${transactions} transactions, with at most ${gasAtMost} gas, at most ${costAtMostWei} wei at today's fees.`,
    ...lanes.map(lane => `First to be finished: ${laneText(lane)}.`),
    "",
  ].join("\n")
}

function laneText({ address, openTransactions, holder }: OpenLane): string {
  return `${openTransactions} open transactions of lane ${address}, held by ${holder ?? "nobody"}`
}

function answer(context: CliContext, outcome: RebuildOutcome, json: boolean): ExitCode {
  const { stdout, stderr } = context
  if (json) stdout.write(`${JSON.stringify(outcome)}\n`)
  switch (outcome.kind) {
    case "rebuilt":
      if (!json) stdout.write(asSettings(outcome.contracts))
      stderr.write(`${countsText(outcome)}
These are the contracts from now on: processes with other addresses begin nothing more. Set the above and restart them.
`)
      return EXIT.ok
    case "other-chain":
      throw new ConfigurationError(
        `Lanes ${outcome.lanes.join(", ")} have nonces on another chain than BLOCKCHAIN_PROVIDER_URL's. If that chain is gone for good, say --new-chain.`,
      )
    case "not-drained":
      throw new OperatorError(
        `Not yet final: ${outcome.lanes.map(laneText).join("; ")}. Nothing was deployed. Let them finish (a process with their keys, the chain) and run this again, or end it with --abandon-rebuild.`,
        EXIT.tryAgain,
      )
    case "incomplete":
      stderr.write(`${countsText(outcome)}
Not switched: ${outcome.subjects.asked} records do not take effect, ${outcome.subjects.different} subjects have something else. Where branches share the chain: let each rebuild onto these contracts (--onto-configured), then run this again.
`)
      return EXIT.partialFailure
    case "different":
      stderr.write(`${countsText(outcome)}
Not switched: the log and the old contracts differ in ${outcome.old.different} subjects. Look why; --accept-differences switches to what the log says.
`)
      return EXIT.partialFailure
  }
}

function countsText(outcome: Extract<RebuildOutcome, { contracts: Contracts }>): string {
  const { right, newer } = outcome.subjects
  const lines = [`Subjects as the log says: ${right}; newer by another branch: ${newer}.`]
  if ("old" in outcome && outcome.old) {
    const { equal, over, others, different } = outcome.old
    lines.push(
      `Beside the old contracts: ${equal} equal, ${over} blocks over meanwhile, ${others} other branches', ${different} different.`,
    )
  }
  return lines.join("\n")
}

export function asSettings(contracts: Readonly<Record<keyof Contracts, string>>): string {
  return [
    `PATIENT_REGISTRY_ADDRESS=${contracts.patient}`,
    `BLOCKED_IP_REGISTRY_ADDRESS=${contracts["ip-block"]}`,
    `ATTACK_SIGNATURE_REGISTRY_ADDRESS=${contracts["attack-signature"]}`,
    "",
  ].join("\n")
}

/** One line a second at most, and each step's first. */
function teller({ stderr, clock }: CliContext): (progress: RebuildProgress) => void {
  let step = ""
  let beganMs = 0
  let toldMs = 0
  return progress => {
    const nowMs = clock.nowMs()
    if (progress.step !== step) [step, beganMs] = [progress.step, nowMs]
    else if (nowMs - toldMs < TELL_MS) return
    toldMs = nowMs
    stderr.write(`  ${progressText(progress, (nowMs - beganMs) / 1000)}\n`)
  }
}

function progressText(progress: RebuildProgress, seconds: number): string {
  switch (progress.step) {
    case "draining":
      return `waiting for what is in flight: ${progress.lanes.map(laneText).join("; ")}`
    case "deploying":
      return "deploying the contracts"
    case "reading the log":
      return `reading the log: ${progress.events} events (${rate(progress.events, seconds)}/s)`
    case "comparing":
      return "comparing each subject with the contracts"
    case "writing":
      return `writing: ${progress.done} of ${progress.total} records (${rate(progress.done, seconds)}/s)`
  }
}

function rate(count: number, seconds: number): number {
  return seconds > 0 ? Math.round(count / seconds) : 0
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value
}
