import type { Subscription } from "./bus/consume.ts"
import type { BusFindings } from "./bus/findings.ts"
import { runConsumer } from "./bus/run-consumer.ts"
import { keepLanes } from "./chain-writer/lane-keeper.ts"
import type { Runners, Service } from "./pipeline.ts"
import type { Clock } from "./runtime/clock.ts"
import { OperatorError } from "./runtime/errors.ts"
import { linkedSignal } from "./runtime/linked-signal.ts"
import type { Logger } from "./runtime/logger.ts"
import type { Progress } from "./runtime/progress.ts"
import type { Shutdown } from "./runtime/shutdown.ts"
import { runTicker, type Stage } from "./runtime/ticker.ts"
import { createWake, type Wake } from "./runtime/wake.ts"
import type { Role } from "./settings.ts"

/** A key file that appears or goes is seen after this. */
const LANES_RECHECK_MS = 5_000

/** Makes services of stages and consumers. A consumer that stored something wakes its role's stages. */
export function createRunners(options: {
  readonly clock: Clock
  readonly logger: Logger
  readonly subscribe: () => Subscription
  readonly findings?: BusFindings
  readonly shutdown: Shutdown
  /** Told of every pass. */
  readonly progress: Progress
}): Runners {
  const { clock, logger, shutdown, progress } = options
  const wakes = new Map<Role, Wake[]>()

  function wakeOf(role: Role): Wake {
    const wake = createWake(clock)
    wakes.set(role, [...(wakes.get(role) ?? []), wake])
    return wake
  }

  const watched = ({ name, tick, longestPassMs }: Stage): Stage => ({
    name,
    tick: signal => progress.during(name, () => tick(signal), longestPassMs),
  })

  return {
    consume: (role, consumer) => ({
      role,
      name: `${role} consumer`,
      run: signal =>
        runConsumer({
          ...consumer,
          async handle(batch) {
            const outcome = await progress.during(`${role} consumer`, () => consumer.handle(batch))
            for (const wake of wakes.get(role) ?? []) wake.wake()
            return outcome
          },
          subscription: options.subscribe(),
          ...(options.findings && { findings: options.findings }),
          logger,
          clock,
          signal,
        }),
    }),
    lanes(role, source, idleMs) {
      const wake = wakeOf(role)
      const runWriter = (stage: Stage, signal: AbortSignal) =>
        runTicker(watched(stage), {
          clock,
          logger,
          signal,
          idleMs,
          waitForWork: (ms, until) => wake.wait(ms, until),
        })
      const keeper = { ...source, runWriter, recheckMs: LANES_RECHECK_MS, clock, logger }
      return { role, name: "lanes", run: signal => keepLanes(keeper, signal) }
    },
    tick(role, stage, idleMs) {
      const wake = wakeOf(role)
      if (stage.release) shutdown.add(`${stage.name} lease`, () => stage.release?.())
      return {
        role,
        name: stage.name,
        run: signal =>
          runTicker(watched(stage), {
            clock,
            logger,
            signal,
            idleMs,
            waitForWork: (ms, until) => waitForEither(stage, wake, ms, until),
          }),
      }
    },
  }
}

/** The stage's own wait (a timer that runs out, an adaptive poll) or news from its consumer, whichever is first. */
async function waitForEither(
  stage: { waitForWork?: (ms: number, signal: AbortSignal) => Promise<void> },
  wake: Wake,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  if (!stage.waitForWork) return wake.wait(ms, signal)
  using either = linkedSignal(signal)
  await Promise.race([stage.waitForWork(ms, either.signal), wake.wait(ms, either.signal)])
  either.abort()
}

/**
 * Runs all until the signal aborts; rejects with the first failure after the others have stopped: a process that does
 * half of its work looks healthy and is not.
 */
export async function runServices(services: readonly Service[], signal: AbortSignal): Promise<void> {
  using running = linkedSignal(signal)
  let failure: Error | undefined
  await Promise.all(
    services.map(async service => {
      try {
        await service.run(running.signal)
      } catch (error) {
        failure ??=
          error instanceof OperatorError
            ? error
            : new Error(`${service.name} is broken for good`, { cause: error })
        running.abort()
      }
    }),
  )
  if (failure) throw failure
}
