import type { LetterOutcome } from "../dead-letters/bulk.ts"
import type { DeadLetter } from "../dead-letters/ports.ts"

/** Big integers as decimal text, as everywhere outside. */
export function letterJson(letter: DeadLetter): Readonly<Record<string, unknown>> {
  const { id, position, offset, appRowId, createdAtMs, changedAtMs, ...rest } = letter
  return {
    id: id.toString(),
    ...rest,
    position: position?.toString() ?? null,
    offset: offset?.toString() ?? null,
    appRowId: appRowId?.toString() ?? null,
    createdAt: new Date(createdAtMs).toISOString(),
    changedAt: new Date(changedAtMs).toISOString(),
  }
}

export function letterTable(letters: readonly DeadLetter[], nowMs: number): string {
  const head = ["id", "state", "tries", "age", "source", "reason", "type", "subject"]
  const rows = letters.map(letter => [
    letter.id.toString(),
    letter.state,
    letter.attempts.toString(),
    age(nowMs - letter.createdAtMs),
    letter.source,
    letter.reason,
    visible(letter.type ?? "-"),
    letter.subject ?? "-",
  ])
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map(row => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()
  return `${[head, ...rows].map(line).join("\n")}\n`
}

export function letterDetails(letter: DeadLetter): string {
  const entries = Object.entries(letterJson(letter)).map(([name, value]) => {
    const text = Array.isArray(value) ? value.join(", ") : String(value ?? "-")
    return `${name.padEnd(14)} ${visible(text) || "-"}`
  })
  return `${entries.join("\n")}\n`
}

const EXPLAINED: Readonly<Record<LetterOutcome["outcome"], string>> = {
  resolved: "went through",
  "failed-again": "failed again",
  "still-blocked": "not tried: one of its subject before it did not go",
  "handed-to-relay": "waits for a relay: none has sent it yet",
  "not-in-log": "its event is not in the log: restore its day (`reconciler log restore`), or discard it",
  "not-requeueable": "there is nothing to handle again: compare, then discard it",
  settled: "was settled before",
  unknown: "is not there",
  requeued: "is being sent: see what becomes of it first",
  discarded: "discarded",
}

export function outcomeLines(outcomes: readonly LetterOutcome[]): string {
  return outcomes
    .map(outcome => {
      const why =
        outcome.outcome === "failed-again" ? ` (${[outcome.reason, ...outcome.fields].join(" ")})` : ""
      return `${outcome.id}: ${EXPLAINED[outcome.outcome]}${why}\n`
    })
    .join("")
}

export function outcomeJson(outcome: LetterOutcome): Readonly<Record<string, unknown>> {
  return { ...outcome, id: outcome.id.toString() }
}

function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`
}

/** A type or a field's name may come from anybody: nothing of it steers a terminal. */
function visible(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?")
}
