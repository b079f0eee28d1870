import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import { topicOf, topicsWithPrefix } from "../src/bus/topics.ts"
import { classifyEvent, eventTypes, payloadSchema } from "../src/domain/event.ts"
import { readMetrics } from "../src/ops/metrics.ts"
import type { StageCounts, StatusSources } from "../src/ops/status.ts"
import { settingList } from "../src/settings.ts"

/** Pages that are made from the code, so that they cannot differ from it: `npm run docs`; a test holds them against the files. */
export async function generatedPages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    [".env.example", environmentExample()],
    ["docs/configuration.md", configurationPage()],
    ["docs/events.md", eventsPage()],
    ["docs/metrics.md", await metricsPage()],
  ])
}

function environmentExample(): string {
  const entries = settingList.map(
    setting => `# ${setting.about} (${setting.unit})\n#${setting.name}=${setting.fallback}\n`,
  )
  return [
    "# Every setting, with its default. Made by `npm run docs` from src/settings.ts.\n",
    ...entries,
  ].join("\n")
}

function configurationPage(): string {
  const rows = settingList.map(
    setting =>
      `| \`${setting.name}\` | ${setting.unit} | ${setting.fallback === "" ? "" : `\`${setting.fallback}\``} | ${setting.about} |`,
  )
  return `# Configuration

Made by \`npm run docs\` from \`src/settings.ts\`. All settings are environment variables, read once at the start; every
fault is reported at once, with exit code 78. A value is never shown in a message, since a URL can hold a password.

With none of \`DATABASE_URL\`, \`KAFKA_BROKERS\` and \`BLOCKCHAIN_PROVIDER_URL\` set, all three servers are embedded and
their data are temporary. Once one is set, each other must be set, or named in \`EMBEDDED\`.

| setting | unit | default | what it does |
| --- | --- | --- | --- |
${rows.join("\n")}
`
}

function eventsPage(): string {
  const topics = topicsWithPrefix("<prefix>")
  const sections = eventTypes.map(type => {
    const schema = payloadSchema(type)
    const json = schema ? JSON.stringify(z.toJSONSchema(schema, { io: "input" }), null, 2) : "{}"
    return `## \`${type}\`

A ${classifyEvent(type)?.class}, in topic \`${topicOf(topics, type)}\`.

\`\`\`json
${json}
\`\`\`
`
  })
  return `# Events

Made by \`npm run docs\` from \`src/domain\`. Each event is one record in Kafka, CloudEvents 1.0 in binary mode: the key is
the subject, the value is the payload below as JSON, and the headers are \`content-type\`, \`ce_specversion\`, \`ce_id\`
(the event id, to recognise duplicates by), \`ce_source\`, \`ce_type\` (\`caregrid.\` and the type below), \`ce_subject\`,
\`ce_time\`, \`ce_position\` (the place in the log, a decimal string), and where known \`ce_traceparent\` and
\`ce_causationid\`; \`ce_backfill: true\` marks a request that can wait. Delivery is at least once and in order for each subject.

${sections.join("\n")}`
}

async function metricsPage(): Promise<string> {
  const stage = {
    stage: "log-archiver",
    passes: 0,
    failedPasses: 0,
    failing: false,
    inHandMs: null,
    stuck: false,
  }
  const metrics = await readMetrics({
    sources: emptySources,
    findings: ["paused"],
    stages: () => [stage],
    withinMs: 1_000,
  })
  const rows = metrics.map(({ name, type, values, help }) => {
    const labels = Object.keys(values[0]?.labels ?? {}).map(label => `\`${label}\``)
    return `| \`${name}\` | ${type} | ${labels.join(", ")} | ${help} |`
  })
  return `# Metrics

Made by \`npm run docs\` from \`src/ops/metrics.ts\`. A service with \`HTTP_PORT\` set tells them at \`/metrics\` in
Prometheus' text format. All but those of stages come from the database and the broker when they are asked for, so every
process tells the same: take the largest, not the sum. What a source does not say is left out, and
\`caregrid_source_up\` says so. Ages are 0 where nothing waits.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
${rows.join("\n")}
`
}

const none: StageCounts = { done: 0, waiting: 0, oldestAgeMs: null }
const emptySources: StatusSources = {
  relay: async () => none,
  relayLeader: async () => ({ active: false, epoch: 0n, horizon: { holders: 0, oldestAgeMs: null } }),
  chainWriter: async () => none,
  projector: async () => none,
  writeBack: async () => none,
  log: async () => ({
    nowMs: 0,
    partitions: 0,
    bytes: 0,
    largestDayBytes: 0,
    daysAhead: 0,
    defaultRows: 0,
    oldestDefaultMs: null,
    oldestUnpublishedAgeMs: null,
    archives: { files: 0, bytes: 0 },
    overdue: [],
  }),
  deadLetters: async () => 0,
  findings: async () => [],
  consumerLag: async () => [{ group: "", topic: "", messages: 0 }],
}

if (import.meta.main) {
  const root = join(import.meta.dirname, "..")
  for (const [path, text] of await generatedPages()) {
    if (readIfThere(join(root, path)) === text) continue
    writeFileSync(join(root, path), text)
    process.stdout.write(`wrote ${path}\n`)
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}
