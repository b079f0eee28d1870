import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { freePort } from "../../../src/embedded/ports.ts"

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url))
const PASSWORD = "hunter2"
const CONTRACTS = {
  PATIENT_REGISTRY_ADDRESS: `0x${"1".repeat(40)}`,
  BLOCKED_IP_REGISTRY_ADDRESS: `0x${"2".repeat(40)}`,
  ATTACK_SIGNATURE_REGISTRY_ADDRESS: `0x${"3".repeat(40)}`,
}

/** The program as a person starts it, with nothing in its environment but this. */
async function reconciler(args: readonly string[], environment: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env.PATH ?? "", ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  })
  let said = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text
  })
  const code = await new Promise<number | null>(resolve => child.once("close", resolve))
  return { code, said }
}

describe("what a person can mend", () => {
  it("is said without a stack trace or a password, with 78 for a setting and 69 for a server", async () => {
    const nobodyListens = `127.0.0.1:${await freePort()}`
    const database = { DATABASE_URL: `postgres://app:${PASSWORD}@${nobodyListens}/caregrid` }
    const chain = { BLOCKCHAIN_PROVIDER_URL: `http://app:${PASSWORD}@${nobodyListens}` }
    const external = { ...database, ...chain, ...CONTRACTS }
    const [forgotten, noDatabase, noChain, noJava] = await Promise.all([
      reconciler(["run"], database),
      reconciler(["migrate"], database),
      reconciler(["deploy"], chain),
      reconciler(["run"], { ...external, EMBEDDED: "kafka", JAVA_HOME: "/nonexistent" }),
    ])
    expect(forgotten).toMatchObject({ code: 78, said: expect.stringContaining("KAFKA_BROKERS is missing") })
    expect(noDatabase).toMatchObject({ code: 69, said: expect.stringContaining("PostgreSQL cannot be used") })
    expect(noChain).toMatchObject({ code: 69, said: expect.stringContaining("BLOCKCHAIN_PROVIDER_URL") })
    expect(noJava).toMatchObject({ code: 69, said: expect.stringContaining("needs Java 17") })
    for (const { said } of [forgotten, noDatabase, noChain, noJava]) {
      expect(said).not.toMatch(/^ +at /m)
      expect(said).not.toContain(PASSWORD)
    }
  })
})
