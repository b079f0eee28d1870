import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createRegistry } from "../../../src/adapters/ethereum/registry.ts"
import { readChainWriterStatus } from "../../../src/adapters/postgres/chain-writer/status.ts"
import type { EventRecord } from "../../../src/domain/event.ts"
import { type ChainWriterBench, openChainWriterBench } from "../../support/chain-writer.ts"
import {
  anySubject,
  blockRequested,
  event,
  expired,
  manualBlockRequested,
  unblockRequested,
} from "../../support/event-builders.ts"
import { readLogAbout } from "../../support/read-log.ts"
import { until } from "../../support/until.ts"

describe("what becomes of an operation", () => {
  let bench: ChainWriterBench
  const { signal } = new AbortController()
  beforeAll(async () => {
    bench = await openChainWriterBench()
  })
  afterAll(() => bench.close())

  const register = () => event("register-patient.requested", anySubject())
  const status = () => readChainWriterStatus(bench.database.sql)

  async function resultOf(request: EventRecord) {
    const about = await readLogAbout(bench.database.sql, request.subject)
    const [result, ...more] = about.filter(({ causationId }) => causationId === request.eventId)
    expect(more).toEqual([])
    return result && { type: result.type, ...result.payload }
  }

  it("of a pause between broadcast and block: tried again when the pause ends, the lane halted meanwhile", async () => {
    const key = await bench.chain.newWriter()
    let pause = true
    const writer = bench.newWriter(key, {
      async crashPoint(point) {
        if (point !== "after-save-attempt" || !pause) return
        pause = false
        await bench.chain.admin("patient", "pause")
      },
    })
    const request = register()
    await bench.requested(request)
    await until(
      async () => {
        await writer.tick(signal)
        return status()
      },
      ({ findings }) => findings.some(({ finding, type }) => finding === "paused" && type === "patient"),
    )
    const usedNonces = () => bench.chain.connection.provider.getTransactionCount(key.address)
    const burnt = await usedNonces()
    expect((await status()).pending).toBe(1)
    const until1s = Date.now() + 1_000
    await until(
      () => writer.tick(signal),
      () => Date.now() > until1s,
    )
    expect(await usedNonces()).toBe(burnt)
    await bench.chain.admin("patient", "unpause")
    await bench.finish(writer)
    expect(await resultOf(request)).toMatchObject({ type: "register-patient.confirmed", outcome: "Applied" })
    expect((await status()).findings).toEqual([])
  })

  it("of success at an address without code: none", async () => {
    const key = await bench.chain.newWriter()
    const { connection, addresses } = bench.chain
    const real = createRegistry(connection, "patient", addresses.patient)
    // As it looks to a writer whose check was answered by another node than its transactions go to.
    const blind = {
      ...createRegistry(connection, "patient", `0x${"00ab".repeat(10)}`),
      obstacle: async () => null,
    }
    const request = register()
    await bench.requested(request)
    const misled = bench.newWriter(key, { registries: [blind] })
    await until(
      async () => {
        await misled.tick(signal)
        return status()
      },
      ({ findings }) => findings.some(({ finding }) => finding === "no-effect"),
    )
    expect(await resultOf(request)).toBeUndefined()
    expect((await status()).pending).toBe(1)
    await misled.release()
    await bench.finish(bench.newWriter(key, { registries: [real] }))
    expect(await resultOf(request)).toMatchObject({ type: "register-patient.confirmed", outcome: "Applied" })
  })

  it("of a lane without the write role: nothing is sent until it has it", async () => {
    const stranger = await bench.chain.newAccount()
    const writer = bench.newWriter(stranger)
    const request = register()
    await bench.requested(request)
    await writer.tick(signal)
    expect((await status()).findings).toMatchObject([{ lane: stranger.address, finding: "no-writer-role" }])
    expect(await bench.chain.connection.provider.getTransactionCount(stranger.address)).toBe(0)
    await bench.finish(bench.newWriter(await bench.chain.newWriter()))
    await writer.tick(signal)
    await writer.release()
  })

  it("of a newer version from another branch: superseded, and the log's clock goes above it", async () => {
    const subject = anySubject()
    const ours = unblockRequested(subject)
    const ahead = manualBlockRequested(subject)
    const theirs = { ...ahead, position: ahead.position + (60_000n << 22n) }
    const key = await bench.chain.newWriter()
    // The other branch: its own database, the same contracts.
    await bench.requested(theirs)
    await bench.finish(bench.newWriter(key))
    await bench.requested(ours)
    await bench.finish(bench.newWriter(await bench.chain.newWriter()))
    expect(await resultOf(ours)).toMatchObject({
      type: "unblock-ip.superseded",
      outcome: "Superseded",
      reason: expect.stringContaining("newer version"),
    })
    const [row] = await bench.database
      .sql`select last_value > ${theirs.position} as above from reconciler.outbox_position`
    expect(row?.above).toBe(true)
  })

  it("of a conflict and of what the contract never takes: rejected with a reason, the rest of the batch unharmed", async () => {
    const first = register()
    const rival = { ...register(), subject: first.subject, position: first.position }
    const tooLong = blockRequested(anySubject(), 400 * 24 * 3600)
    const fine = blockRequested(anySubject(), 600)
    await bench.requested(first, rival, tooLong, fine)
    await bench.finish(bench.newWriter(await bench.chain.newWriter()))
    const results = await Promise.all([first, rival].map(resultOf))
    expect(results.map(result => result?.type).sort()).toEqual([
      "register-patient.confirmed",
      "register-patient.rejected",
    ])
    expect(results.find(result => result?.type === "register-patient.rejected")).toMatchObject({
      outcome: "Conflict",
      reason: expect.stringMatching(/same version/),
    })
    expect(await resultOf(tooLong)).toMatchObject({ type: "block-ip.rejected", outcome: "Invalid" })
    expect(await resultOf(fine)).toMatchObject({ type: "block-ip.confirmed", outcome: "Applied" })
  })

  it("of an expiry before its time: tried again, and applied when the block is over", async () => {
    const block = blockRequested(anySubject(), 3)
    const expiry = expired(block)
    const writer = bench.newWriter(await bench.chain.newWriter())
    await bench.requested(block, expiry)
    await until(
      async () => {
        await writer.tick(signal)
        return bench.database
          .sql`select tries from reconciler.chain_operations where event_id = ${expiry.eventId}`
      },
      ([row]) => row?.tries === 1,
    )
    expect(await resultOf(expiry)).toBeUndefined()
    await bench.finish(writer)
    expect(await resultOf(expiry)).toMatchObject({ type: "expire-ip-block.confirmed", outcome: "Applied" })
    const [word] = await createRegistry(
      bench.chain.connection,
      "ip-block",
      bench.chain.addresses["ip-block"],
    ).words([block.subject])
    expect((word ?? 0n) & 1n).toBe(0n)
  })

  it("of an account without money: it waits, with a finding, and goes on by itself", async () => {
    const key = await bench.chain.newWriter()
    await bench.chain.setBalance(key.address, 1n)
    const request = register()
    await bench.requested(request)
    const writer = bench.newWriter(key)
    await writer.tick(signal)
    expect((await status()).findings.map(({ finding }) => finding)).toContain("insufficient-funds")
    await bench.chain.setBalance(key.address, 10n ** 20n)
    await bench.finish(writer)
    expect(await resultOf(request)).toMatchObject({ outcome: "Applied" })
    expect((await status()).findings.filter(({ lane }) => lane === key.address)).toEqual([])
  })
})
