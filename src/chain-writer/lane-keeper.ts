import type { Clock } from "../runtime/clock.ts"
import { type LinkedSignal, linkedSignal } from "../runtime/linked-signal.ts"
import type { Logger } from "../runtime/logger.ts"
import type { Signer } from "./ports.ts"
import type { LaneWriter } from "./writer.ts"

export interface LaneKeeperOptions {
  /** The lanes there should be now. When it throws, those that run go on. */
  readonly signers: () => Promise<readonly Signer[]>
  readonly newWriter: (signer: Signer) => LaneWriter
  /** Runs a writer until the signal aborts. */
  readonly runWriter: (writer: LaneWriter, signal: AbortSignal) => Promise<void>
  readonly recheckMs: number
  readonly clock: Clock
  readonly logger: Logger
}

interface Running {
  readonly stop: LinkedSignal
  readonly ended: Promise<void>
}

/**
 * One writer for each signing account, as accounts come and go: a key that appears begins a lane, one that is gone ends
 * its lane after the pass in hand. What that lane has open waits until somebody has its key again, so drain it first.
 */
export async function keepLanes(options: LaneKeeperOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger } = options
  const lanes = new Map<string, Running>()

  function begin(signer: Signer): void {
    const writer = options.newWriter(signer)
    const stop = linkedSignal(signal)
    const run = async () => {
      await options.runWriter(writer, stop.signal)
      // The next process need not wait for the lease to end.
      await writer.release().catch((error: unknown) => logger.debug({ err: error }, "lease not given back"))
      stop[Symbol.dispose]()
    }
    lanes.set(signer.address, { stop, ended: run() })
    logger.info({ lane: signer.address }, "lane begun")
  }

  async function end(address: string, { stop, ended }: Running): Promise<void> {
    stop.abort()
    await ended
    lanes.delete(address)
    logger.info({ lane: address }, "lane ended: its key is gone")
  }

  async function follow(): Promise<void> {
    const signers = await options.signers()
    const wanted = new Set(signers.map(({ address }) => address as string))
    for (const [address, running] of [...lanes]) if (!wanted.has(address)) await end(address, running)
    for (const signer of signers) if (!lanes.has(signer.address)) begin(signer)
  }

  while (!signal.aborted) {
    await follow().catch((error: unknown) => logger.warn({ err: error }, "the lanes' keys cannot be read"))
    await clock.sleep(options.recheckMs, signal)
  }
  await Promise.all([...lanes.values()].map(({ ended }) => ended))
}
