import { type ChildProcess, spawn } from "node:child_process"
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

const sources = join(import.meta.dirname, "..", "..", "src")

/** Prints what it was given, then ends as its first argument says. */
const mainProgram = `
const [command, ...args] = process.argv.slice(2)
if (command === "wait") {
  process.on("SIGTERM", () => process.exit(7))
  process.on("SIGINT", () => process.exit(8))
  setInterval(() => undefined, 60_000)
}
console.log(JSON.stringify({ command, args, launcher: process.ppid, launched: Number(process.env.RECONCILER_PARENT_PID) === process.ppid }))
if (command === "exit") process.exit(Number(args[0]))
`

/** Stands in for npm: counts its runs and makes a node_modules, slowly enough for a second launcher to come. */
const npmProgram = `
const { appendFileSync, mkdirSync } = require("node:fs")
appendFileSync("npm-pids", process.pid + "\\n")
appendFileSync("npm-runs", process.argv.slice(2).join(" ") + "\\n")
console.log("added 1 package")
if (process.env.NPM_FAILS) {
  console.error("npm error code E404\\nnpm error 404 Not Found")
  process.exit(1)
}
mkdirSync("node_modules", { recursive: true })
setTimeout(() => {}, process.env.NPM_HANGS ? 60_000 : 500)
`

/** Starts the launcher as npm does, and tells its process id once the command runs. */
const npmStandIn = `
const [, launcher, after] = process.argv
const line = [process.execPath, launcher, "wait"].join(" ") + after
const shell = require("node:child_process").spawn("sh", ["-c", line], { stdio: ["ignore", "pipe", "ignore"] })
shell.stdout.once("data", told => console.log(JSON.parse(told).launcher))
`

let project = ""
const started: ChildProcess[] = []

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), "launch-test-"))
  cpSync(join(sources, "launch.mjs"), join(project, "src", "launch.mjs"))
  cpSync(join(sources, "launch"), join(project, "src", "launch"), { recursive: true })
  writeFileSync(join(project, "src", "main.ts"), mainProgram)
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({ scripts: { greet: 'echo "hello $GREETED"' } }),
  )
  writeFileSync(join(project, "package-lock.json"), JSON.stringify({ packages: { "": {} } }))
  mkdirSync(join(project, "bin"))
  writeFileSync(join(project, "bin", "npm"), `#!${process.execPath}\n${npmProgram}`)
  chmodSync(join(project, "bin", "npm"), 0o755)
})

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL")
  rmSync(project, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
})

describe("launcher", () => {
  it("says which Node it needs when it runs on an older one", async () => {
    const older = "data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'16.20.2'}})"
    const { code, stdout, stderr } = await finish(launch(["demo"], {}, ["--import", older]))
    expect({ code, stdout }).toEqual({ code: 78, stdout: "" })
    expect(stderr).toMatch(
      /^This needs Node 18 or newer to start, and this is Node 16\.20\.2 .*\n.*nodejs\.org.*\n$/,
    )
  })

  it("installs once, tells of it on stderr alone, and hands over arguments and parent", async () => {
    const first = await finish(launch(["demo", "--json", "two words"]))
    expect(JSON.parse(first.stdout)).toMatchObject({
      command: "demo",
      args: ["--json", "two words"],
      launched: true,
    })
    expect(first.stderr).toMatch(/Installed the packages in \d+ s/)
    const second = await finish(launch(["demo"]))
    expect(second).toMatchObject({ code: 0, stderr: "" })
    expect(npmRuns()).toHaveLength(1)
  })

  it("installs again when the lock file says something else", async () => {
    await finish(launch(["demo"]))
    writeFileSync(
      join(project, "package-lock.json"),
      JSON.stringify({ packages: { "": { version: "2" } }, changed: 1 }),
    )
    writeFileSync(join(project, "node_modules", ".package-lock.json"), JSON.stringify({ packages: {} }))
    await finish(launch(["demo"]))
    expect(npmRuns()).toHaveLength(1)

    const wanted = { packages: { "node_modules/left-pad": { version: "1.3.0", integrity: "sha512-x" } } }
    writeFileSync(join(project, "package-lock.json"), JSON.stringify(wanted))
    await finish(launch(["demo"]))
    expect(npmRuns()).toHaveLength(2)
  })

  it("misses a package that is optional to npm but made for this platform", async () => {
    const native = { version: "1.0.0", optional: true, os: [process.platform], cpu: [process.arch] }
    const elsewhere = { version: "1.0.0", optional: true, os: ["sunos"], cpu: [process.arch] }
    writeFileSync(
      join(project, "package-lock.json"),
      JSON.stringify({ packages: { "": {}, "node_modules/a": elsewhere } }),
    )
    mkdirSync(join(project, "node_modules"))
    writeFileSync(join(project, "node_modules", ".package-lock.json"), JSON.stringify({ packages: {} }))
    await finish(launch(["demo"]))
    expect(npmRuns()).toHaveLength(0)

    writeFileSync(
      join(project, "package-lock.json"),
      JSON.stringify({ packages: { "": {}, "node_modules/b": native } }),
    )
    await finish(launch(["demo"]))
    expect(npmRuns()).toHaveLength(1)
  })

  it("lets one of two launchers install and the other wait for it", async () => {
    const results = await Promise.all([finish(launch(["demo"])), finish(launch(["demo"]))])
    expect(results.map(({ code }) => code)).toEqual([0, 0])
    expect(npmRuns()).toHaveLength(1)
    expect(results.map(({ stderr }) => stderr).join("")).toMatch(/Waiting for another launcher/)
  })

  it("gives up the installation when it is killed with -9, so that the next one can install", async () => {
    const first = launch(["demo"], { NPM_HANGS: "1" })
    await until(() => npmRuns().length === 1, "npm runs")
    const npm = Number(readFileSync(join(project, "npm-pids"), "utf8"))
    first.kill("SIGKILL")
    await until(() => isGone(npm), "npm is gone")
    expect(await finish(launch(["demo"]))).toMatchObject({ code: 0 })
    expect(npmRuns()).toHaveLength(2)
  })

  it("says in a few lines why installing failed and what to do", async () => {
    const { code, stdout, stderr } = await finish(launch(["demo"], { NPM_FAILS: "1" }))
    expect({ code, stdout }).toEqual({ code: 69, stdout: "" })
    expect(stderr).toMatch(
      /failed \(npm ci, exit code 1\):\n[\s\S]*404 Not Found\nCheck that the npm registry can be reached/,
    )
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(existsSync(join(project, "node_modules", ".installed-from"))).toBe(false)
  })

  it("takes over the exit code", async () => {
    expect(await finish(launch(["exit", "3"]))).toMatchObject({ code: 3 })
  })

  it.each([
    ["SIGTERM", 7],
    ["SIGINT", 8],
  ] as const)("passes %s on and waits for the end", async (signal, code) => {
    const launcher = launch(["wait"])
    await new Promise(resolve => launcher.stdout?.once("data", resolve))
    launcher.kill(signal)
    expect(await finish(launcher)).toMatchObject({ code })
  })

  it.each([
    ["", "npm, which started it,"],
    // A second command keeps the shell from making way for the first.
    ["; exit $?", "npm, which started it through a shell that stays,"],
  ])("ends with its command (%j) when %s is killed with -9", async after => {
    const npm = spawn(process.execPath, ["-e", npmStandIn, join(project, "src", "launch.mjs"), after], {
      cwd: project,
      env: { ...withOwnNpm(), npm_lifecycle_event: "start" },
      stdio: ["ignore", "pipe", "ignore"],
    })
    started.push(npm)
    const launcher = Number(await new Promise(resolve => npm.stdout?.once("data", resolve)))
    npm.kill("SIGKILL")
    // It waits for its command's end before its own.
    await until(() => isGone(launcher), "the launcher is gone")
  })

  it("runs an npm script with its arguments, and refuses one that does not exist", async () => {
    const greeted = await finish(launch(["npm:greet", "a b", "c"], { GREETED: "world" }))
    expect(greeted).toMatchObject({ code: 0, stdout: "hello world a b c\n" })
    expect(await finish(launch(["npm:unknown"]))).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/no script unknown/),
    })
  })
})

function launch(args: string[], extra: Record<string, string> = {}, nodeArgs: string[] = []): ChildProcess {
  const env = { ...withOwnNpm(), ...extra }
  const child = spawn(process.execPath, [...nodeArgs, join(project, "src", "launch.mjs"), ...args], {
    cwd: project,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  })
  started.push(child)
  return child
}

function withOwnNpm(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${join(project, "bin")}${delimiter}${process.env.PATH}` }
}

function finish(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let [stdout, stderr] = ["", ""]
  child.stdout?.setEncoding("utf8").on("data", chunk => {
    stdout += chunk
  })
  child.stderr?.setEncoding("utf8").on("data", chunk => {
    stderr += chunk
  })
  return new Promise(resolve => child.once("close", code => resolve({ code, stdout, stderr })))
}

/** A killed process that nobody has reaped yet is gone as well. */
function isGone(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return true
  }
}

function npmRuns(): string[] {
  const log = join(project, "npm-runs")
  return existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []
}

async function until(condition: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
