import { randomBytes } from "node:crypto"
import { inject } from "vitest"
import { keyFromHex } from "../../src/adapters/ethereum/keys.ts"
import { runHospitalDay } from "../../src/demo/run-hospital-day.ts"
import { systemClock } from "../../src/runtime/clock.ts"
import type { TestBranch } from "./branch.ts"
import type { TestChain } from "./chain.ts"
import { textStream } from "./text-stream.ts"

/** A hospital's day through a branch's running roles, checked from outside by the generator's own record. */
export async function liveThroughADay(
  chain: TestChain,
  branch: TestBranch,
  options: { readonly operations: number; readonly seed: number; readonly blockTtlSeconds?: number },
) {
  const neighbourPrivateKey = `0x${randomBytes(32).toString("hex")}`
  const neighbour = keyFromHex(neighbourPrivateKey).address
  await chain.setBalance(neighbour, 10n ** 21n)
  await chain.grantWriter(neighbour)
  const stdout = textStream()
  const stderr = textStream()
  const day = await runHospitalDay({
    databaseUrl: branch.database.url,
    blockchainProviderUrl: inject("blockchainProviderUrl"),
    contracts: chain.addresses,
    neighbourPrivateKey,
    options: { blockTtlSeconds: 3, json: true, keep: false, ...options },
    status: branch.status,
    signal: new AbortController().signal,
    clock: systemClock,
    stdout: stdout.stream,
    stderr: stderr.stream,
  })
  return { ...day, diagnosis: stderr.text() }
}
