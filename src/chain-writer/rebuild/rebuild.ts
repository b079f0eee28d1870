import type { Comparison } from "../../domain/subject-state.ts"
import type { Clock } from "../../runtime/clock.ts"
import type { Contracts, Deployments, Rebuild, RebuildPlan } from "../deployment-ports.ts"
import type { LaneLevers } from "../lane-levers.ts"
import type { Hex, Registry } from "../ports.ts"
import { askForMissing, compareContracts, type RoundResult } from "./compare.ts"
import { type History, planFromLog } from "./plan-from-log.ts"

/** Rounds that bring nothing nearer before it is given up for now. */
const ROUNDS_WITHOUT_PROGRESS = 2

export interface RebuildOptions {
  readonly deployments: Deployments
  readonly plan: RebuildPlan
  readonly levers: Pick<LaneLevers, "list">
  readonly history: History
  readonly genesisHash: Hex
  /** Makes the new contracts, or finds those that another branch has made. */
  readonly deploy: () => Promise<Contracts>
  readonly registriesOf: (contracts: Contracts) => readonly Registry[]
  /** Lets the lanes work on what the rebuild asks for, and on what they have open, until it is done. */
  readonly runLanes: (
    rebuild: Rebuild,
    registries: readonly Registry[],
    done: () => Promise<boolean>,
  ) => Promise<void>
  /** Lanes with nonces on another chain leave it. */
  readonly leaveChain: boolean
  /** The new contracts become the active ones also where they differ from the old ones. */
  readonly acceptDifferences: boolean
  /** How long to wait for lanes that others have, or that wait for the chain. */
  readonly drainMs: number
  readonly clock: Clock
  readonly onProgress: (progress: RebuildProgress) => void
}

export type RebuildProgress =
  | { readonly step: "draining"; readonly lanes: readonly OpenLane[] }
  | { readonly step: "deploying" }
  | { readonly step: "reading the log"; readonly events: number }
  | { readonly step: "comparing" }
  | { readonly step: "writing"; readonly done: number; readonly total: number }

export interface OpenLane {
  readonly address: Hex
  readonly openTransactions: number
  /** Who is to finish them; null when nobody has the lane. */
  readonly holder: string | null
}

export type RebuildOutcome =
  | {
      readonly kind: "rebuilt"
      readonly contracts: Contracts
      readonly subjects: RoundResult
      /** Null where there are no old contracts to compare with. */
      readonly old: Readonly<Record<Comparison, number>> | null
    }
  | { readonly kind: "other-chain"; readonly lanes: readonly Hex[] }
  /** Lanes have something open that was not finished in time: nothing was deployed. */
  | { readonly kind: "not-drained"; readonly lanes: readonly OpenLane[] }
  /** Records do not take effect: other branches' parts are missing. Nothing was switched. */
  | { readonly kind: "incomplete"; readonly contracts: Contracts; readonly subjects: RoundResult }
  /** The log and the old contracts differ. Nothing was switched. */
  | {
      readonly kind: "different"
      readonly contracts: Contracts
      readonly subjects: RoundResult
      readonly old: Readonly<Record<Comparison, number>>
    }

/**
 * New contracts, brought by the log to what the old ones say, and made the active ones: drain, deploy, plan, write,
 * compare, switch. Each step's end is stored, so that a second call goes on where the first one was killed. From its
 * beginning to the switch nothing else is reserved: what waits is written to the new contracts afterwards, and what was
 * in flight is final before the log is read.
 */
export async function rebuildContracts(options: RebuildOptions): Promise<RebuildOutcome> {
  const { deployments, genesisHash, leaveChain, onProgress } = options
  const { active } = await deployments.current()
  const begun = await deployments.begin({ genesisHash, leaveChain })
  if (begun.kind === "other-chain") return begun
  const { rebuild } = begun
  // An active deployment of another chain cannot be read here.
  const old = active?.genesisHash === genesisHash ? options.registriesOf(active.contracts) : []
  const contracts = rebuild.contracts ?? (await drainAndDeploy(options, rebuild, old))
  if (!("patient" in contracts)) return contracts
  if (!rebuild.planned) {
    await planFromLog(options.plan, rebuild.id, options.history, events =>
      onProgress({ step: "reading the log", events }),
    )
  }
  const fresh = options.registriesOf(contracts)
  const subjects = await write(options, rebuild, fresh)
  if (subjects.asked > 0 || subjects.different > 0) return { kind: "incomplete", contracts, subjects }
  const { plan } = options
  const compared = old.length > 0 ? await compareContracts({ plan, id: rebuild.id, old, fresh }) : null
  if (compared && compared.different > 0 && !options.acceptDifferences) {
    return { kind: "different", contracts, subjects, old: compared }
  }
  await deployments.activate(rebuild.id)
  return { kind: "rebuilt", contracts, subjects, old: compared }
}

async function drainAndDeploy(
  options: RebuildOptions,
  rebuild: Rebuild,
  old: readonly Registry[],
): Promise<Contracts | Extract<RebuildOutcome, { kind: "not-drained" }>> {
  const { clock, levers, onProgress } = options
  const deadlineMs = clock.nowMs() + options.drainMs
  let lanes = await openLanes(levers)
  const isOver = async () => {
    lanes = await openLanes(levers)
    if (lanes.length > 0) onProgress({ step: "draining", lanes })
    return lanes.length === 0 || clock.nowMs() > deadlineMs
  }
  if (lanes.length > 0) await options.runLanes(rebuild, old, isOver)
  if (lanes.length > 0) return { kind: "not-drained", lanes }
  onProgress({ step: "deploying" })
  const contracts = await options.deploy()
  await options.deployments.setContracts(rebuild.id, contracts)
  return contracts
}

/** Lanes with something that is not settled. */
export async function openLanes(levers: RebuildOptions["levers"]): Promise<readonly OpenLane[]> {
  const lanes = await levers.list()
  return lanes
    .filter(({ openTransactions }) => openTransactions > 0)
    .map(({ address, openTransactions, holder }) => ({ address, openTransactions, holder }))
}

/** Writes until nothing is missing, or until writing does not help. The last round's result. */
async function write(
  options: RebuildOptions,
  rebuild: Rebuild,
  registries: readonly Registry[],
): Promise<RoundResult> {
  const { plan, onProgress } = options
  const { id } = rebuild
  let fewest = Number.POSITIVE_INFINITY
  let fruitless = 0
  for (let round = rebuild.rounds; ; round += 1) {
    await finishAsked(options, rebuild, registries)
    onProgress({ step: "comparing" })
    const result = await askForMissing({ plan, id, round, registries, history: options.history })
    fruitless = result.asked < fewest ? 0 : fruitless + 1
    fewest = Math.min(fewest, result.asked)
    if (result.asked === 0 || fruitless >= ROUNDS_WITHOUT_PROGRESS) return result
  }
}

async function finishAsked(
  { plan, runLanes, levers, onProgress }: RebuildOptions,
  rebuild: Rebuild,
  registries: readonly Registry[],
): Promise<void> {
  const total = await plan.unfinished(rebuild.id)
  const isDone = async () => {
    const unfinished = await plan.unfinished(rebuild.id)
    if (total > 0) onProgress({ step: "writing", done: total - unfinished, total })
    return unfinished === 0 && (await openLanes(levers)).length === 0
  }
  if (!(await isDone())) await runLanes(rebuild, registries, isDone)
}
