import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import { topicOf, topicsWithPrefix } from "../src/bus/topics.ts"
import { classifyEvent, eventTypes, payloadSchema } from "../src/domain/event.ts"
import { settingList } from "../src/settings.ts"

/** Pages that are made from the code, so that they cannot differ from it: `npm run docs`; a test holds them against the files. */
export function generatedPages(): ReadonlyMap<string, string> {
  return new Map([
    [".env.example", environmentExample()],
    ["docs/configuration.md", configurationPage()],
    ["docs/events.md", eventsPage()],
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

if (import.meta.main) {
  const root = join(import.meta.dirname, "..")
  for (const [path, text] of generatedPages()) {
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
