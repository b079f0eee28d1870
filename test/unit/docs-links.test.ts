import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { describe, expect, it } from "vitest"
import { BUS_FINDINGS } from "../../src/bus/findings.ts"
import { FINDINGS } from "../../src/chain-writer/finding.ts"
import { operations } from "../../src/domain/operations/index.ts"
import { OUTCOMES } from "../../src/domain/outcome.ts"
import { DEAD_LETTER_FINDINGS } from "../../src/ops/dead-letter-findings.ts"
import { LOG_FINDINGS } from "../../src/ops/log-status.ts"
import { REBUILD_FINDINGS } from "../../src/ops/rebuild-finding.ts"
import { settingList } from "../../src/settings.ts"

const root = join(import.meta.dirname, "../..")
const pages = [
  "README.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter(name => name.endsWith(".md"))
    .map(name => join("docs", name)),
]
const textOf = new Map(pages.map(page => [page, readFileSync(join(root, page), "utf8")]))
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>
}

function text(page: string): string {
  return textOf.get(page) ?? ""
}

function found(page: string, pattern: RegExp): string[] {
  return [...new Set([...text(page).matchAll(pattern)].map(match => match[1] ?? ""))]
}

/** As GitHub makes it: lower case, punctuation out, spaces to hyphens. */
function anchors(page: string): string[] {
  return found(page, /^#+ (.+)$/gm).map(heading =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  )
}

describe.each(pages)("%s", page => {
  it("links to what exists", () => {
    const links = found(page, /\]\(([^)\s]+)\)/g).filter(link => !/^[a-z]+:/.test(link))
    const broken = links.filter(link => {
      const [path = "", anchor] = link.split("#")
      const target = path === "" ? page : normalize(join(dirname(page), path))
      if (!existsSync(join(root, target))) return true
      return anchor !== undefined && textOf.has(target) && !anchors(target).includes(anchor)
    })
    expect(broken).toEqual([])
  })

  it("names files that exist", () => {
    const named = found(page, /`((?:src|test|docs|contracts|drizzle|deploy|bench)\/[\w./*-]*)`/g)
    const missing = named.filter(path => !path.includes("*") && !existsSync(join(root, path)))
    expect(missing).toEqual([])
  })

  it("names npm scripts that exist", () => {
    const named = found(page, /\bnpm run (?:-s )?([\w:]+)/g)
    expect(named.filter(name => scripts[name] === undefined)).toEqual([])
  })

  it("names commands of the reconciler that exist", () => {
    const commands = readdirSync(join(root, "src/cli")).map(name => name.replace(/\.ts$/, ""))
    const named = found(page, /(?:`reconciler|npm run (?:-s )?reconciler --|src\/main\.ts) ([a-z][a-z-]*)/g)
    expect(named.filter(name => !commands.includes(name))).toEqual([])
  })

  it("names settings that exist", () => {
    const known = new Set([...settingList.map(({ name }) => name), "SUBJECT_KEY"])
    const named = found(page, /`([A-Z]{2,}(?:_[A-Z]+)+)(?:=[^`]*)?`/g)
    expect(named.filter(name => !known.has(name) && !isNamedInCode(name))).toEqual([])
  })

  it("does not speak of a machine's own paths", () => {
    expect(text(page)).not.toMatch(/\/(work|tmp|home|root)\//)
  })
})

/** Roles of contracts, constants and test variables: whatever the code really has. */
function isNamedInCode(name: string): boolean {
  try {
    execFileSync("grep", ["-rqw", name, "src", "contracts/src", "test/support", "docker-compose.yml"], {
      cwd: root,
    })
    return true
  } catch {
    return false
  }
}

it("the pages have a line for each finding and each outcome", () => {
  const lines = found("docs/operations.md", /^\| `([a-z-]+)` \| [^|]+ \| [^|]+ \|$/gm)
  expect(lines).toEqual(
    expect.arrayContaining([
      ...FINDINGS,
      ...BUS_FINDINGS,
      ...LOG_FINDINGS,
      ...DEAD_LETTER_FINDINGS,
      ...REBUILD_FINDINGS,
    ]),
  )
  expect(found("docs/architecture.md", /^\| `([A-Z]\w+)` \|/gm).sort()).toEqual([...OUTCOMES].sort())
})

it("the index of decisions lists each of them", () => {
  const files = readdirSync(join(root, "docs/decisions")).filter(name => /^\d/.test(name))
  expect(found("docs/decisions/README.md", /\]\((\d[^)]+)\)/g)).toEqual(files.sort())
})

describe("the README", () => {
  it("shows event types that can be requested", () => {
    const requests = Object.values(operations).map(({ requestEvent }) => requestEvent as string)
    const named = found("README.md", /["']([a-z-]+\.requested)["']/g)
    expect(named.length).toBeGreaterThan(2)
    expect(named.filter(type => !requests.includes(type))).toEqual([])
  })
})
