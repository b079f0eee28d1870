/** The event log's tests on Debian's PostgreSQL 15 (`npm run test:postgres15`); skipped, with the reason, where it is not installed. */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"

const initdb = "/usr/lib/postgresql/15/bin/initdb"
const tests = [
  "test/integration/outbox",
  "test/integration/relay/lock-horizon",
  "test/conformance/event-log.postgres",
  "test/conformance/event-source.postgres",
  "test/conformance/partition-log.postgres",
  "test/conformance/relay-cursor.postgres",
]

if (existsSync(initdb)) {
  const args = ["run", "--config", "test/vitest.config.ts", "--project", "integration", ...tests]
  const { status } = spawnSync("vitest", args.concat(process.argv.slice(2)), {
    stdio: "inherit",
    env: { ...process.env, TEST_INFRASTRUCTURE: "postgres-15" },
  })
  process.exitCode = status ?? 1
} else {
  process.stdout.write(
    `skipped: no PostgreSQL 15 here (${initdb} is missing; Debian's package is postgresql-15)\n`,
  )
}
