import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { seededRandom } from "../../../src/demo/random.ts"
import { type ChainWriterBench, openChainWriterBench } from "../../support/chain-writer.ts"
import {
  anySubject,
  blockRequested,
  event,
  manualBlockRequested,
  unblockRequested,
} from "../../support/event-builders.ts"
import { audit } from "../../support/faults/audit.ts"
import { type FaultProxy, startFaultProxy } from "../../support/faults/fault-proxy.ts"
import { expectExactlyOnce } from "../../support/faults/report.ts"

const nodeUrl = inject("blockchainProviderUrl")

describe("a node that has neither receipts nor transactions by their hash, for ever", () => {
  let proxy: FaultProxy
  let bench: ChainWriterBench
  beforeAll(async () => {
    proxy = await startFaultProxy(nodeUrl, seededRandom(1))
    proxy.rewrite = (method, result) => (/^eth_getTransaction(Receipt|ByHash)$/.test(method) ? null : result)
    bench = await openChainWriterBench({ writersUrl: proxy.url })
  })
  afterAll(async () => {
    await bench.close()
    proxy.close()
  })

  const results = () => bench.database.sql<{ type: string; outcome: string; place: boolean }[]>`
    select type, payload ->> 'outcome' as outcome,
      payload ? 'blockNumber' and payload ? 'blockHash' and payload ? 'transactionHash' as place
    from reconciler.outbox where type not like '%requested' order by type, outcome`
  const findings = () => bench.database.sql`select from reconciler.chain_findings`

  it("ends every operation once all the same, with its outcome, and alarms nobody", async () => {
    const [ip, over, again] = [anySubject(), anySubject(), anySubject()]
    const patient = event("register-patient.requested", anySubject())
    const requests = [
      patient,
      { ...event("deactivate-patient.requested", patient.subject) },
      manualBlockRequested(ip),
      blockRequested(ip, 60),
      blockRequested(over, -5),
      unblockRequested(again),
      event("add-attack-signature.requested", anySubject(), { severity: 3 }),
    ]
    await bench.requested(...requests)
    const key = await bench.chain.newWriter()
    await bench.finish(bench.newWriter(key, { resendMs: 50, maxRecords: 4 }))
    expect((await results()).map(({ type, outcome }) => [type, outcome])).toEqual([
      ["add-attack-signature.confirmed", "Applied"],
      ["block-ip.confirmed", "Applied"],
      ["block-ip.confirmed", "Expired"],
      ["block-ip.superseded", "Kept"],
      ["deactivate-patient.confirmed", "Applied"],
      ["register-patient.confirmed", "Applied"],
      ["unblock-ip.confirmed", "Applied"],
    ])
    expect((await results()).every(({ place }) => place)).toBe(true)
    expect(await findings()).toHaveLength(0)
    expect(proxy.calls.get("eth_getTransactionReceipt")).toBeGreaterThan(3)
    const { addresses } = bench.chain
    const found = await audit({ nodeUrl, databaseUrl: bench.database.url, addresses })
    expectExactlyOnce(found, requests.length)
  })

  it("has each of many batches found in the block that it is in", async () => {
    const before = (await results()).length
    const requests = Array.from({ length: 12 }, () => event("register-patient.requested", anySubject()))
    await bench.requested(...requests)
    const key = await bench.chain.newWriter()
    await bench.finish(bench.newWriter(key, { resendMs: 50, maxRecords: 2, maxInFlight: 6 }))
    expect(await results()).toHaveLength(before + requests.length)
    const { addresses } = bench.chain
    expectExactlyOnce(await audit({ nodeUrl, databaseUrl: bench.database.url, addresses }), 19)
    expect(await findings()).toHaveLength(0)
  })
})
