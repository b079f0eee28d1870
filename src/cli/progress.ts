import type { Report } from "../infrastructure.ts"

/** One line a step on stderr: what is being done, and when it is done how long it took. */
export function progressReport(stderr: NodeJS.WritableStream): Report {
  return (step, seconds) => {
    stderr.write(seconds === undefined ? `  ${step} ...\n` : `  ${step}: done in ${seconds.toFixed(1)} s\n`)
  }
}

/** Reports one step around `work`. */
export async function reported<T>(report: Report, step: string, work: () => Promise<T>): Promise<T> {
  const startedMs = performance.now()
  report(step)
  const result = await work()
  report(step, (performance.now() - startedMs) / 1000)
  return result
}
