import type { TestProject } from "vitest/node"
import { EmbeddedError } from "../../src/embedded/error.ts"
import { startEmbeddedInfrastructure } from "./infrastructure/embedded.ts"

/** Starts what the integration project tests against, once a run: embedded, or what the variable asks for. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const report = (line: string): void => {
    process.stderr.write(`[infrastructure] ${line}\n`)
  }
  const { databaseUrl, kafkaBrokers, blockchainProviderUrl, stop } = await startInfrastructure(report).catch(
    (error: unknown) => {
      // What the machine lacks is said in the message; a stack would only hide it.
      if (error instanceof EmbeddedError) error.stack = `${error.name}: ${error.message}`
      throw error
    },
  )
  project.provide("databaseUrl", databaseUrl)
  project.provide("kafkaBrokers", kafkaBrokers)
  project.provide("blockchainProviderUrl", blockchainProviderUrl)
  return stop
}

async function startInfrastructure(report: (line: string) => void) {
  const kind = process.env.TEST_INFRASTRUCTURE ?? "embedded"
  const major = /^postgres-([0-9]+)$/.exec(kind)?.[1]
  if (major) {
    const { startPostgresAlone } = await import("./infrastructure/postgres-alone.ts")
    return startPostgresAlone(Number(major), report)
  }
  switch (kind) {
    case "embedded":
      return startEmbeddedInfrastructure(report)
    case "containers": {
      const { startContainerInfrastructure } = await import("./infrastructure/containers.ts")
      return startContainerInfrastructure(report)
    }
    default:
      throw new Error(`TEST_INFRASTRUCTURE is embedded, containers or postgres-<major version>, not ${kind}`)
  }
}
