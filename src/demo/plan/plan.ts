import { EXIT, OperatorError } from "../../runtime/errors.ts"
import { type Random, seededRandom } from "../random.ts"
import { operationsOf, type Step, type StoryTemplate } from "./story.ts"
import { FEWEST_OPERATIONS, templates } from "./templates.ts"
import { type Identity, identityOf } from "./things.ts"

/** One subject's day; its steps are done in order, by one writer. */
export interface Story {
  readonly number: number
  readonly template: string
  readonly identity: Identity
  readonly steps: readonly Step[]
}

/** What one connection does next. */
export interface PlannedStep extends Step {
  readonly story: Story
}

export interface Plan {
  readonly seed: number
  readonly operations: number
  readonly stories: readonly Story[]
  /** One list a connection. */
  readonly writers: readonly (readonly PlannedStep[])[]
}

/**
 * The same seed, size and number of writers give the same plan: exactly `operations` operations, each kind of story at
 * least once. Throws an OperatorError (exit 64) if they do not fit.
 */
export function makePlan(options: { seed: number; operations: number; writers: number }): Plan {
  const { seed, operations, writers } = options
  if (operations < FEWEST_OPERATIONS) {
    throw new OperatorError(
      `--operations ${operations} is too few: at least ${FEWEST_OPERATIONS} are needed to try every kind of traffic once`,
      EXIT.usage,
    )
  }
  const random = seededRandom(seed)
  const chosen = random.shuffled([...templates, ...fill(operations - FEWEST_OPERATIONS, random)])
  const stories = chosen.map((template, number) => ({
    number,
    template: template.name,
    identity: identityOf(template.thing, number, random),
    steps: template.steps,
  }))
  return { seed, operations, stories, writers: assign(stories, writers, random) }
}

/** Stories by weight until the operations are used up exactly; a single registration fills any rest. */
function fill(operations: number, random: Random): StoryTemplate[] {
  const chosen: StoryTemplate[] = []
  const used = new Map<string, number>()
  for (let left = operations; left > 0; ) {
    const fitting = templates.filter(
      template =>
        operationsOf(template.steps) <= left && (used.get(template.name) ?? 1) < (template.most ?? Infinity),
    )
    const template = byWeight(fitting, random)
    used.set(template.name, (used.get(template.name) ?? 1) + 1)
    left -= operationsOf(template.steps)
    chosen.push(template)
  }
  return chosen
}

function byWeight(candidates: readonly StoryTemplate[], random: Random): StoryTemplate {
  let left = random.below(candidates.reduce((sum, { weight }) => sum + weight, 0))
  for (const candidate of candidates) {
    left -= candidate.weight
    if (left < 0) return candidate
  }
  throw new Error("no story fits: the list of templates needs one of a single operation")
}

const OPEN_STORIES = 4

/** Deals the stories out and interleaves each writer's: a few are open at a time, and each keeps its own order. */
function assign(stories: readonly Story[], writers: number, random: Random): PlannedStep[][] {
  return Array.from({ length: writers }, (_, writer) => {
    const waiting = stories
      .filter(({ number }) => number % writers === writer)
      .map(story => ({ story, next: 0 }))
    const open = waiting.splice(0, OPEN_STORIES)
    const steps: PlannedStep[] = []
    while (open.length > 0) {
      const index = random.below(open.length)
      const current = open[index]
      const step = current?.story.steps[current.next]
      if (!current || !step) {
        open.splice(index, 1, ...waiting.splice(0, 1))
        continue
      }
      current.next += 1
      steps.push({ ...step, story: current.story })
    }
    return steps
  })
}
