import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { readConfig } from "../../src/config.ts"
import { laneKeys, laneLeaseMs } from "../../src/infrastructure.ts"

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "lane-keys-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

function keyFile(name: string, digits: string): string {
  const path = join(directory, name)
  writeFileSync(path, `0x${digits.repeat(32)}\n`, { mode: 0o600 })
  return path
}

function lanesOf(files: string) {
  return laneKeys(readConfig({ BLOCKCHAIN_PRIVATE_KEY_FILE: files }), 1n)
}

describe("lane keys", () => {
  it("are one a file, however the list is spaced", async () => {
    const keys = await lanesOf(`${keyFile("a", "17")}, ${keyFile("b", "18")}`)
    expect(new Set(keys.map(key => key.address)).size).toBe(2)
  })

  it("are refused when two files hold one: two writers of one lane would share its lease", async () => {
    await expect(lanesOf(`${keyFile("a", "17")},${keyFile("b", "17")}`)).rejects.toMatchObject({
      exitCode: 78,
      message: expect.stringContaining("one key twice"),
    })
  })
})

describe("a lane's lease", () => {
  const lease = (environment: Record<string, string>) =>
    laneLeaseMs(readConfig({ LEASE_MS: "5000", ...environment }))
  const signer = {
    BLOCKCHAIN_SIGNER_URL: "http://signer:9000",
    BLOCKCHAIN_SIGNER_ADDRESSES: `0x${"1".repeat(40)}`,
  }

  it("outlasts a signature of a remote signer, or two processes would take the lane from each other for ever", () => {
    expect(lease({ ...signer, BLOCKCHAIN_SIGNER_TIMEOUT_MS: "60000" })).toBe(120_000)
    expect(lease({ ...signer, BLOCKCHAIN_SIGNER_TIMEOUT_MS: "1000" })).toBe(5_000)
    expect(lease({})).toBe(5_000)
  })
})
