import type { OperationType } from "../../domain/operation.ts"
import { batchGasLimit, batchLimit, DEFAULT_GAS_COSTS } from "../batch.ts"
import { DEFAULT_FEE_POLICY, initialFees } from "../fees.ts"
import type { Ledger } from "../ports.ts"
import { countSubjects } from "./plan-from-log.ts"
import { type OpenLane, openLanes, type RebuildOptions } from "./rebuild.ts"

/** What a rebuild would do and cost, at most. */
export interface RebuildEstimate {
  readonly subjects: Readonly<Record<OperationType, number>>
  readonly transactions: number
  readonly gasAtMost: bigint
  /** Null while fees are above the cap. */
  readonly costAtMostWei: bigint | null
  /** What is in flight has to be final first. */
  readonly lanes: readonly OpenLane[]
  readonly resumes: boolean
}

/** Reads and writes nothing. */
export async function estimateRebuild(
  options: Pick<RebuildOptions, "deployments" | "levers" | "history"> & {
    readonly ledger: Pick<Ledger, "terms">
    readonly maxRecords: number
  },
): Promise<RebuildEstimate> {
  const { rebuild } = await options.deployments.current()
  const terms = await options.ledger.terms()
  const { blockGasLimit } = terms
  const limit = batchLimit({ maxRecords: options.maxRecords, blockGasLimit, costs: DEFAULT_GAS_COSTS })
  const subjects = await countSubjects(options.history)
  const batches = Object.values(subjects).flatMap(count => batchesOf(count, Math.max(1, limit)))
  const gasAtMost = batches.reduce((sum, records) => sum + batchGasLimit(records, DEFAULT_GAS_COSTS), 0n)
  const fees = initialFees(terms, DEFAULT_FEE_POLICY)
  return {
    subjects,
    transactions: batches.length,
    gasAtMost,
    costAtMostWei: fees && gasAtMost * fees.maxFeePerGasWei,
    lanes: await openLanes(options.levers),
    resumes: rebuild !== null,
  }
}

function batchesOf(count: number, limit: number): readonly number[] {
  return Array.from({ length: Math.ceil(count / limit) }, (_, batch) =>
    Math.min(limit, count - batch * limit),
  )
}
