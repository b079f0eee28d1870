import { readFileSync } from "node:fs"

const POLL_MS = 250

/**
 * npm dies of a signal without a word to us, and of kill -9 it could not say one: what it started would stay behind.
 * Started by hand nothing is watched, since a service may outlive the shell it was started from. Calls `onGone` once;
 * returns what ends the watch.
 */
export function watchNpm(onGone) {
  if (process.env.npm_lifecycle_event === undefined) return () => {}
  const before = ancestry()
  const timer = setInterval(() => {
    if (ancestry() === before) return
    clearInterval(timer)
    onGone()
  }, POLL_MS)
  return () => clearInterval(timer)
}

/** The processes up to npm. Some shells put themselves between npm and us, others make way. */
function ancestry() {
  const parent = process.ppid
  const stat = parentStat(parent)
  const isShell = stat !== undefined && !/^(npm|node)/.test(stat.name)
  return isShell ? `${parent} ${stat.parent}` : String(parent)
}

/** proc(5): `pid (name) state ppid …`; the name may hold spaces and parentheses. */
function parentStat(pid) {
  try {
    const [, name, rest] = /^\d+ \((.*)\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))
    return { name, parent: rest.split(" ")[1] }
  } catch {
    return undefined
  }
}
