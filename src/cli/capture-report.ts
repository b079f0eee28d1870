import type { TriggerChange } from "../adapters/postgres/capture/change-triggers.ts"
import type { CaptureState, TableCapture } from "../adapters/postgres/capture/inspect.ts"

export const CAPTURE_FINDINGS = [
  "capture-not-installed",
  "capture-trigger-missing",
  "capture-trigger-disabled",
  "capture-trigger-changed",
  "capture-function-changed",
  "capture-column-changed",
  "capture-subjects-differ",
] as const

export interface CaptureFinding {
  readonly finding: (typeof CAPTURE_FINDINGS)[number]
  readonly message: string
}

export interface CaptureReport {
  readonly findings: readonly CaptureFinding[]
  readonly tables: readonly {
    readonly table: string
    readonly isThere: boolean
    readonly triggers: Readonly<Record<string, string>>
    readonly changedColumns: readonly string[]
  }[]
  readonly text: string
}

/** What `capture status` says of it. */
export function captureReport(state: CaptureState): CaptureReport {
  const findings = isInstalled(state)
    ? [
        ...state.tables.flatMap(tableFindings),
        ...state.changedFunctions.map(
          (name): CaptureFinding => ({
            finding: "capture-function-changed",
            message: `reconciler.${name} is not what this release's migrations made`,
          }),
        ),
        ...subjectFindings(state),
      ]
    : [
        {
          finding: "capture-not-installed" as const,
          message: "no trigger is there: `reconciler capture install`",
        },
      ]
  const tables = state.tables.map(({ table, isThere, triggers, changedColumns }) => ({
    table,
    isThere,
    triggers: Object.fromEntries(triggers.map(trigger => [trigger.definition.name, trigger.state])),
    changedColumns,
  }))
  return { findings, tables, text: asText(state, findings) }
}

function isInstalled({ tables }: CaptureState): boolean {
  return tables.some(({ triggers }) => triggers.some(({ state }) => state !== "missing"))
}

function tableFindings({ table, triggers, changedColumns }: TableCapture): readonly CaptureFinding[] {
  const wrong = triggers.flatMap(({ definition, state }): CaptureFinding[] =>
    state === "as-it-should-be"
      ? []
      : [
          {
            finding: `capture-trigger-${state}`,
            message: `${table}: ${definition.name} is ${state}: \`reconciler capture install\` puts it right`,
          },
        ],
  )
  if (changedColumns.length === 0) return wrong
  const message = `${table}: ${changedColumns.join(", ")} not there, or of another type: its rows become dead letters`
  return [...wrong, { finding: "capture-column-changed", message }]
}

function subjectFindings({ subjects }: CaptureState): readonly CaptureFinding[] {
  if (subjects !== "different") return []
  const message = "SUBJECT_HASHING, SUBJECT_KEY_FILE or PATIENT_KEY is not what capture was installed with"
  return [{ finding: "capture-subjects-differ", message }]
}

function asText({ tables }: CaptureState, findings: readonly CaptureFinding[]): string {
  const lines = tables.map(({ table, triggers }) => {
    const isWhole = triggers.every(({ state }) => state === "as-it-should-be")
    return `${table.padEnd(24)} ${isWhole ? "captured" : "not captured as it should be"}`
  })
  return `${[...lines, ...findings.map(({ finding, message }) => `${finding}: ${message}`)].join("\n")}\n`
}

export function changeReport(changes: readonly TriggerChange[], json = false): string {
  if (json) return `${JSON.stringify({ changes })}\n`
  if (changes.length === 0) return "Nothing to change.\n"
  return changes.map(({ table, trigger, change }) => `${table}: ${trigger} ${change}\n`).join("")
}

export function statementReport(statements: readonly string[], json = false): string {
  if (json) return `${JSON.stringify({ statements })}\n`
  return statements.length === 0
    ? "Nothing to change.\n"
    : statements.map(statement => `${statement};\n`).join("")
}
