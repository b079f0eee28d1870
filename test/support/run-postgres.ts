/**
 * The tests of outbox, relay and log on another PostgreSQL: `npm run test:postgres -- 14`, several versions one after
 * another, all of 14 to 17 without one. What comes after `--` a second time goes to vitest.
 */
import { spawnSync } from "node:child_process"
import { binariesOf, EMBEDDED_MAJOR, OTHER_MAJORS } from "./postgres-binaries.ts"

const tests = [
  "test/integration/outbox",
  "test/integration/relay/lock-horizon",
  "test/integration/relay/blockers",
  ...[
    "archivable-log",
    "consumer-progress",
    "event-log",
    "event-source",
    "log-news",
    "partition-log",
    "relay-cursor",
    "relay-status",
  ].map(port => `test/conformance/${port}.postgres`),
]

const given = process.argv.slice(2)
const named = given.filter(argument => /^[0-9]+$/.test(argument)).map(Number)
const others = given.filter(argument => !/^[0-9]+$/.test(argument))
const unknown = named.filter(major => major !== EMBEDDED_MAJOR && !OTHER_MAJORS.includes(major))
if (unknown.length > 0) {
  process.stderr.write(
    `PostgreSQL ${[...OTHER_MAJORS, EMBEDDED_MAJOR].join(", ")}, not ${unknown.join(", ")}\n`,
  )
  process.exit(64)
}

for (const major of named.length > 0 ? named : OTHER_MAJORS) {
  const binaries = await binariesOf(major)
  const { status } = spawnSync(
    "vitest",
    ["run", "--config", "test/vitest.config.ts", "--project", "integration", ...tests, ...others],
    {
      stdio: "inherit",
      env: {
        ...process.env,
        TEST_INFRASTRUCTURE: `postgres-${major}`,
        TEST_POSTGRES_BINARIES: binaries,
      },
    },
  )
  if (status !== 0) process.exitCode = status ?? 1
}
