/**
 * All checks of the project one after another, by `npm test`: type check, lint, contract tests, then vitest.
 * Every check runs even when one before it failed, and the last line is `N passed, N failed`.
 * Arguments go to vitest, which then is the only check: npm test -- test/unit/config.test.ts
 */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { summariseFaults } from "./faults/summary.ts"

const directory = mkdtempSync(join(tmpdir(), "caregrid-checks-"))
const vitestReport = join(directory, "vitest.json")
const vitestArguments = process.argv.slice(2)
// The fault tests write there what they injected.
const faultReport = join(directory, "faults.jsonl")
process.env.FAULT_REPORT = faultReport

const vitest = {
  title: "tests",
  command: ["vitest", "run", "--config", "test/vitest.config.ts", "--reporter=default", "--reporter=json"]
    .concat(`--outputFile.json=${vitestReport}`)
    .concat(vitestArguments),
  count: () => {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(vitestReport, "utf8"))
    return { passed: numPassedTests, failed: numFailedTests }
  },
}
const allChecks = [
  { title: "type check", command: ["npm", "run", "-s", "typecheck"], count: countAsOne },
  { title: "lint", command: ["npm", "run", "-s", "lint"], count: countAsOne },
  { title: "contract tests", command: ["npm", "run", "-s", "test:contracts"], count: countContractTests },
  vitest,
]

let running
let interrupted = false
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, interrupt)
watchLauncher()

const results = []
for (const check of vitestArguments.length > 0 ? [vitest] : allChecks) {
  if (!interrupted) results.push(await run(check))
}
const faults = summariseFaults(faultReport)
rmSync(directory, { recursive: true, force: true })
if (faults) console.log(`\n${faults}`)
report()

async function run({ title, command, count }) {
  const begun = Date.now()
  console.log(`\n== ${title}: ${command.slice(0, 4).join(" ")}`)
  const { code, output } = await runCommand(command)
  const seconds = Math.round((Date.now() - begun) / 100) / 10
  return { title, seconds, ...honest(code, () => count(code, output)) }
}

/** A check that ends badly has failed, also where it died before it could count. */
function honest(code, count) {
  let counted = { passed: 0, failed: 0 }
  try {
    counted = count()
  } catch {
    // No report was written.
  }
  const ranNothing = counted.passed + counted.failed === 0
  return counted.failed === 0 && (code !== 0 || ranNothing) ? { ...counted, failed: 1 } : counted
}

function countAsOne(code) {
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

function countContractTests(_code, output) {
  const number = word => Number(new RegExp(`^\\s*(\\d+) ${word}`, "m").exec(output)?.[1] ?? 0)
  return { passed: number("passing"), failed: number("failing") }
}

function runCommand([command, ...args]) {
  return new Promise(resolve => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] })
    running = child
    let output = ""
    child.stdout.setEncoding("utf8").on("data", chunk => {
      output = (output + chunk).slice(-20_000)
      process.stdout.write(chunk)
    })
    child.once("error", error => resolve({ code: 127, output: error.message }))
    child.once("close", code => resolve({ code: code ?? 1, output }))
  })
}

function report() {
  console.log("")
  for (const { title, passed, failed, seconds } of results) {
    console.log(
      `${failed === 0 ? "ok    " : "FAILED"} ${title}: ${passed} passed, ${failed} failed (${seconds} s)`,
    )
  }
  const sum = key => results.reduce((total, result) => total + result[key], 0)
  const failed = sum("failed") + (interrupted ? 1 : 0)
  process.exitCode = failed === 0 ? 0 : 1
  console.log(`\n${sum("passed")} passed, ${failed} failed`)
}

function interrupt() {
  interrupted = true
  running?.kill("SIGTERM")
}

/** The launcher cannot tell us when it is killed with -9; tests that go on would hold their servers for minutes. */
function watchLauncher() {
  const launcher = Number(process.env.RECONCILER_PARENT_PID)
  if (!Number.isInteger(launcher) || launcher <= 0) return
  const timer = setInterval(() => {
    try {
      process.kill(launcher, 0)
    } catch {
      clearInterval(timer)
      interrupt()
    }
  }, 500)
  timer.unref()
}
