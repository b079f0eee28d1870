import { setTimeout as wait } from "node:timers/promises"

/** Asks until the answer fits, and gives it; fails with the last answer after `deadlineMs`. */
export async function until<T>(
  ask: () => Promise<T> | T,
  fits: (answer: T) => boolean,
  deadlineMs = 40_000,
): Promise<T> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const answer = await ask()
    if (fits(answer)) return answer
    if (performance.now() > deadline) {
      const shown = JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? `${value}n` : value))
      throw new Error(`not within ${deadlineMs} ms; last answer: ${shown?.slice(0, 500)}`)
    }
    await wait(5)
  }
}
