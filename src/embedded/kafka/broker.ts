import { randomBytes } from "node:crypto"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type ChildCommand, runChild, startChild } from "../child.ts"
import { EmbeddedError } from "../error.ts"
import { freePort, withPort } from "../ports.ts"
import type { RunningService, ServiceContext } from "../service.ts"
import { brokerProperties, javaArguments } from "./broker-process.ts"
import { findJava } from "./java.ts"
import { fetchLibraries, librariesDirectory } from "./libraries.ts"

/** Starts Apache Kafka as one process, broker and KRaft controller in one, and resolves when it accepts clients. */
export async function startKafka(context: ServiceContext, requestedPort?: number): Promise<RunningService> {
  const { footprint, environment, step } = context
  const java = await findJava(environment)
  const libraries = librariesDirectory(environment)
  if (!existsSync(libraries)) {
    await step("fetch Apache Kafka from Maven Central", () =>
      fetchLibraries(footprint, libraries, environment),
    )
  }
  const runJava = (mainClass: string, args: readonly string[]): ChildCommand => ({
    command: java,
    args: javaArguments(libraries, mainClass, args),
    cwd: footprint.directory,
    role: "group",
  })

  return step("start the broker", () =>
    withPort("embedded Apache Kafka", requestedPort, async port => {
      const config = join(footprint.directory, `kafka-${port}.properties`)
      writeFileSync(
        config,
        brokerProperties({
          port,
          controllerPort: await freePort(),
          dataDirectory: join(footprint.directory, `kafka-${port}`),
        }),
      )
      const clusterId = randomBytes(16).toString("base64url")
      // With "=": one id in 64 begins with "-" and would be taken for an option.
      const format = ["format", `--cluster-id=${clusterId}`, "--config", config]
      const formatted = await runChild(footprint, runJava("kafka.tools.StorageTool", format))
      if (formatted.exitCode !== 0)
        throw new EmbeddedError(`Apache Kafka's storage cannot be made.\n${formatted.tail}`)

      const child = await startChild(footprint, runJava("kafka.Kafka", [config]))
      if (await child.line(/Kafka Server started/)) {
        return { pid: child.pid, address: `127.0.0.1:${port}`, exited: child.exited, tail: child.tail }
      }
      if (/already in use|BindException/.test(child.tail())) return "port-taken"
      throw new EmbeddedError(`Apache Kafka did not start.\n${child.tail()}`)
    }),
  )
}
