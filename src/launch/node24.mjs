import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { LaunchError } from "./launch-error.mjs"
import { neededNode, root, runsNeededNode } from "./project.mjs"

/** The path of a Node that runs the project: the one from node_modules, else this process's own, else one from npx. */
export function findNode24() {
  const packaged = join(root, "node_modules", "node", "bin", "node")
  if (isNeededNode(packaged)) return packaged
  if (runsNeededNode) return process.execPath
  const fetched = fromNpx()
  if (fetched !== undefined && isNeededNode(fetched)) return fetched
  throw new LaunchError(
    `Node ${neededNode} is needed and could not be had from npm for ${process.platform} ${process.arch}.\n` +
      `Install Node ${neededNode} (https://nodejs.org/) and start with it.`,
    78,
  )
}

function isNeededNode(path) {
  const version = output(path, ["--version"])
  return version !== undefined && Number(/^v(\d+)/.exec(version)?.[1]) >= neededNode
}

const fromNpx = () => output("npx", ["-y", "-p", `node@${neededNode}`, "-c", "node -p process.execPath"])

function output(command, args) {
  try {
    return execFileSync(command, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      cwd: root,
    }).trim()
  } catch {
    return undefined
  }
}
