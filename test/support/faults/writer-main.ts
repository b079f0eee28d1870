/** A chain writer in a process of its own, to be killed. Started by writer-process.ts; says on stdout where it is. */
import { writeSync } from "node:fs"
import type { Socket } from "node:net"
import { keyFromFile } from "../../../src/adapters/ethereum/keys.ts"
import { createLedger } from "../../../src/adapters/ethereum/ledger.ts"
import { connectChain } from "../../../src/adapters/ethereum/provider.ts"
import { operationTypes } from "../../../src/adapters/ethereum/registries.ts"
import { createRegistry } from "../../../src/adapters/ethereum/registry.ts"
import { createSigner } from "../../../src/adapters/ethereum/signer.ts"
import { createLanes } from "../../../src/adapters/postgres/chain-writer/lanes.ts"
import { createOperationQueue } from "../../../src/adapters/postgres/chain-writer/operation-queue.ts"
import { createTransactionLog } from "../../../src/adapters/postgres/chain-writer/transaction-log.ts"
import { closeDatabase, openDatabase } from "../../../src/adapters/postgres/client.ts"
import { createIntake } from "../../../src/chain-writer/intake.ts"
import { createLaneWriter } from "../../../src/chain-writer/writer.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { runTicker } from "../../../src/runtime/ticker.ts"
import { withTroublePoints } from "./trouble-steps.ts"
import type { DeathPoint, WriterTask } from "./writer-process.ts"

const task = JSON.parse(process.argv[2] ?? "{}", (_key, value) =>
  typeof value === "string" && /^[0-9]+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
) as WriterTask
const stop = new AbortController()
process.once("SIGTERM", () => stop.abort())
// A test that fails, or is killed, must not leave a writer behind.
process.stdin.once("end", () => process.kill(process.pid, "SIGKILL")).resume()
;(process.stdin as Socket).unref()

function crashPoint(point: DeathPoint): void {
  if (point !== task.dieAt) return
  // Written at once: what is still in a buffer dies with the process.
  writeSync(1, `hit ${point}\n`)
  process.kill(process.pid, "SIGKILL")
}

const sql = openDatabase({ url: task.databaseUrl, max: 3, applicationName: "writer" })
const connection = await connectChain({ url: task.nodeUrl, requestTimeoutMs: 2_000 })
if (task.batch) {
  const intake = createIntake({ queue: createOperationQueue(sql), maxPendingOperations: 10_000, crashPoint })
  await intake.handle(task.batch)
}
const stores = { lanes: createLanes(sql), log: createTransactionLog(sql) }
const writer = createLaneWriter({
  ...withTroublePoints(stores, crashPoint),
  ledger: createLedger(connection),
  registries: operationTypes.map(type => createRegistry(connection, type, task.addresses[type])),
  signer: createSigner(await keyFromFile(task.keyFile), connection.chainId),
  clock: systemClock,
  logger: silentLogger,
  holder: `process ${process.pid}`,
  maxInFlight: 4,
  stuckMs: 5_000,
  resendMs: 500,
  ...task.options,
  crashPoint,
})
writeSync(1, "started\n")
await runTicker(writer, {
  clock: systemClock,
  logger: silentLogger,
  signal: stop.signal,
  idleMs: 20,
  maxBackoffMs: 300,
})
await writer.release().catch(() => undefined)
connection.close()
await closeDatabase(sql)
