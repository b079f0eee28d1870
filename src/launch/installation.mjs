import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./project.mjs"

const modules = join(root, "node_modules")
const stamp = join(modules, ".installed-from")

/** Whether node_modules is what package-lock.json says, on this platform. */
export function isInstalled() {
  const lock = readText(join(root, "package-lock.json"))
  if (lock === undefined) return false
  if (readText(stamp) === fingerprint(lock)) return true
  if (!holdsAll(lock)) return false
  markInstalled()
  return true
}

/** Says that node_modules is what package-lock.json says now. npm removes the mark with node_modules. */
export function markInstalled() {
  writeFileSync(stamp, fingerprint(readFileSync(join(root, "package-lock.json"), "utf8")))
}

/** The platform is part of it: a checkout may be mounted into a container with another one. */
const fingerprint = lock =>
  createHash("sha256").update(`${process.platform} ${process.arch} ${libc()}\n${lock}`).digest("hex")

/**
 * Compares the lock file with npm's own record of what it installed, for whoever ran `npm ci` by hand.
 * Packages for this platform are optional to npm but not to us: an old Node leaves them out and says nothing.
 */
function holdsAll(lock) {
  const record = readText(join(modules, ".package-lock.json"))
  if (record === undefined) return false
  const wanted = Object.entries(JSON.parse(lock).packages ?? {}).filter(([path]) => path !== "")
  const present = JSON.parse(record).packages ?? {}
  return wanted.every(([path, { version, integrity, optional, ...needs }]) => {
    const found = present[path]
    if (found !== undefined) return found.version === version && found.integrity === integrity
    return optional === true && !isForThisPlatform(needs)
  })
}

function isForThisPlatform({ os, cpu, libc: libraries }) {
  if (os === undefined && cpu === undefined) return false
  const fits = (list, own) => list === undefined || list.includes(own)
  return fits(os, process.platform) && fits(cpu, process.arch) && fits(libraries, libc())
}

function libc() {
  if (process.platform !== "linux") return "none"
  return process.report.getReport().header.glibcVersionRuntime === undefined ? "musl" : "glibc"
}

function readText(path) {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}
