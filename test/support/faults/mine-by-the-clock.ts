import { setTimeout as wait } from "node:timers/promises"
import type { PrivateNode } from "./private-node.ts"

export interface MiningClock {
  /** Resolves when no block is on its way any more. */
  pause(): Promise<void>
  resume(): void
  stop(): Promise<void>
}

/** Blocks come whether or not there is something in them, as on a real chain; until `stop`. */
export function mineByTheClock(node: PrivateNode, blockMs: number): MiningClock {
  let paused = false
  let stopped = false
  let mining: Promise<unknown> = Promise.resolve()
  const ended = (async () => {
    while (!stopped) {
      if (!paused) {
        mining = node.rpc("evm_mine").catch(() => undefined)
        await mining
      }
      await wait(blockMs)
    }
  })()
  return {
    async pause() {
      paused = true
      await mining
    },
    resume() {
      paused = false
    },
    async stop() {
      stopped = true
      await ended
    },
  }
}
