import type { Clock } from "../runtime/clock.ts"

/** One stage as it stands. */
export interface StageCounts {
  readonly done: number
  readonly waiting: number
  /** Of what waits, the oldest; null when nothing does. */
  readonly oldestAgeMs: number | null
}

/** Port: what the stages say of themselves; for show only, the check never asks. */
export interface DemoStatus {
  relay(): Promise<StageCounts>
  chainWriter(): Promise<StageCounts>
  projector(): Promise<StageCounts>
  writeBack(): Promise<StageCounts>
}

interface ShownStage {
  readonly name: string
  readonly read: () => Promise<StageCounts>
}

interface ProgressOptions {
  readonly stages: readonly ShownStage[]
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean }
  readonly clock: Clock
}

interface Progress {
  /** Shows the last state and ends; resolves when nothing more is written. */
  stop(): Promise<void>
}

const REDRAW_MS = 300
const LINE_MS = 2_000

/** Redraws in place on a terminal; elsewhere one line every 2 s. */
export function startProgress(options: ProgressOptions): Progress {
  const { stderr, clock } = options
  const stopping = new AbortController()
  const show = stderr.isTTY ? createTable(stderr) : createLines(stderr)
  const readAll = createReader(options)
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await clock.sleep(stderr.isTTY ? REDRAW_MS : LINE_MS, stopping.signal)
      show(await readAll())
    }
  })()
  return {
    stop() {
      stopping.abort()
      return loop
    },
  }
}

interface StageLine {
  readonly name: string
  readonly counts: StageCounts | null
  readonly perSecond: number
}

const RATE_OVER_MS = 2_000

/** Rates over the last two seconds; a stage that cannot answer now (a restart, an outage) is shown without numbers. */
function createReader({ stages, clock }: ProgressOptions): () => Promise<StageLine[]> {
  const history = new Map<string, { atMs: number; done: number }[]>()
  return () =>
    Promise.all(
      stages.map(async ({ name, read }) => {
        const counts = await read().catch(() => null)
        if (!counts) return { name, counts, perSecond: 0 }
        const atMs = clock.nowMs()
        const past = (history.get(name) ?? [{ atMs, done: counts.done }]).filter(
          (sample, index, all) => index === all.length - 1 || sample.atMs >= atMs - RATE_OVER_MS,
        )
        history.set(name, [...past, { atMs, done: counts.done }])
        const first = past[0] ?? { atMs, done: counts.done }
        const elapsedMs = atMs - first.atMs
        return {
          name,
          counts,
          perSecond: elapsedMs > 0 ? ((counts.done - first.done) * 1000) / elapsedMs : 0,
        }
      }),
    )
}

function createTable(stderr: NodeJS.WritableStream): (lines: readonly StageLine[]) => void {
  let drawn = 0
  return lines => {
    const rows = ["stage            done  waiting   per s  oldest", ...lines.map(tableRow)]
    const up = drawn > 0 ? `\x1b[${drawn}A` : ""
    stderr.write(up + rows.map(row => `\x1b[2K${row}\n`).join(""))
    drawn = rows.length
  }
}

function tableRow({ name, counts, perSecond }: StageLine): string {
  const numbers = counts
    ? [counts.done, counts.waiting, Math.round(perSecond), age(counts.oldestAgeMs)]
    : ["?", "?", "?", "?"]
  const [done, waiting, rate, oldest] = numbers.map(String)
  return `${name.padEnd(14)}${done?.padStart(7)}${waiting?.padStart(9)}${rate?.padStart(8)}${oldest?.padStart(8)}`
}

function createLines(stderr: NodeJS.WritableStream): (lines: readonly StageLine[]) => void {
  return lines => {
    const parts = lines.map(({ name, counts, perSecond }) => {
      if (!counts) return `${name} ?`
      const oldest = counts.oldestAgeMs === null ? "" : `, oldest ${age(counts.oldestAgeMs)}`
      return `${name} ${counts.done} done, ${counts.waiting} waiting, ${Math.round(perSecond)}/s${oldest}`
    })
    stderr.write(`${parts.join(" | ")}\n`)
  }
}

function age(ms: number | null): string {
  return ms === null ? "-" : `${(ms / 1000).toFixed(1)} s`
}
