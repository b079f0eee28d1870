import { defineConfig } from "vitest/config"

const root = new URL("..", import.meta.url).pathname

/**
 * Two projects, so that a unit run needs neither Java nor a database:
 *   vitest run --config test/vitest.config.ts --project unit
 *   vitest run --config test/vitest.config.ts --project integration test/integration/relay.test.ts
 * A conformance suite over an in-memory twin is called `*.twin.test.ts`; every other one needs infrastructure.
 */
export default defineConfig({
  root,
  test: {
    pool: "forks",
    // Tests of this project wait for brokers and blocks more than they compute, and CI has two cores.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "test/unit/**/*.test.ts",
            "test/conformance/**/*.twin.test.ts",
            "test/architecture.test.ts",
          ],
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/{conformance,integration,e2e,faults}/**/*.test.ts"],
          exclude: ["test/conformance/**/*.twin.test.ts"],
          globalSetup: ["test/support/global-setup.ts"],
        },
      },
    ],
  },
})
