import { EXIT, OperatorError } from "../runtime/errors.ts"
import { FEWEST_OPERATIONS } from "./plan/templates.ts"

export interface DemoOptions {
  /** How many operations end up in the log, exactly. */
  readonly operations: number
  readonly blockTtlSeconds: number
  /** Brings back the same plan of traffic. Unsigned, 32 bits. */
  readonly seed: number
  /** One JSON object on stdout in place of a report for a person. */
  readonly json: boolean
  /** Stay up afterwards. */
  readonly keep: boolean
}

/** What the command line gives, as text. */
export interface GivenDemoOptions {
  readonly operations?: string | undefined
  readonly blockTtl?: string | undefined
  readonly seed?: string | undefined
  readonly json?: boolean | undefined
  readonly keep?: boolean | undefined
}

const MOST_OPERATIONS = 100_000
const MOST_TTL_SECONDS = 86_400
const SEEDS = 2 ** 32

/** Throws an OperatorError (exit 64) that names the wrong option. `randomSeed` gives 0 to 2^32 − 1. */
export function demoOptions(given: GivenDemoOptions, randomSeed: () => number): DemoOptions {
  return {
    // Refused here, and not when the plan is made: by then a minute may have gone into starting servers.
    operations: wholeNumber(
      "--operations",
      given.operations ?? "300",
      FEWEST_OPERATIONS,
      MOST_OPERATIONS,
      "to try every kind of traffic once",
    ),
    blockTtlSeconds: wholeNumber("--block-ttl", given.blockTtl ?? "5", 1, MOST_TTL_SECONDS),
    seed: given.seed === undefined ? randomSeed() : wholeNumber("--seed", given.seed, 0, SEEDS - 1),
    json: given.json ?? false,
    keep: given.keep ?? false,
  }
}

function wholeNumber(name: string, text: string, min: number, max: number, why?: string): number {
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  const reason = why !== undefined && value < min ? ` (at least ${min} ${why})` : ""
  throw new OperatorError(`${name} must be a whole number from ${min} to ${max}${reason}`, EXIT.usage)
}
