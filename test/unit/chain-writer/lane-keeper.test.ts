import { randomBytes } from "node:crypto"
import { describe, expect, it } from "vitest"
import { keepLanes } from "../../../src/chain-writer/lane-keeper.ts"
import type { Hex, Signer } from "../../../src/chain-writer/ports.ts"
import { systemClock } from "../../../src/runtime/clock.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { createInMemorySigner } from "../../support/twins/signer.ts"
import { until } from "../../support/until.ts"

const anyAddress = (): Hex => `0x${randomBytes(20).toString("hex")}`

function keeper(signers: () => Promise<readonly Signer[]>) {
  const running = new Set<Hex>()
  const released: Hex[] = []
  const stop = new AbortController()
  const ended = keepLanes(
    {
      signers,
      newWriter: ({ address }) => ({
        name: address,
        tick: async () => 0,
        release: async () => void released.push(address),
      }),
      async runWriter({ name }, signal) {
        running.add(name as Hex)
        await new Promise<void>(resolve => signal.addEventListener("abort", () => resolve(), { once: true }))
        running.delete(name as Hex)
      },
      recheckMs: 2,
      clock: systemClock,
      logger: silentLogger,
    },
    stop.signal,
  )
  return { running, released, stop: () => stop.abort(), ended }
}

describe("lanes", () => {
  it("begin when their key appears, and end and give their lease back when it goes", async () => {
    const [first, second] = [anyAddress(), anyAddress()]
    let addresses = [first]
    const { running, released, stop, ended } = keeper(async () => addresses.map(createInMemorySigner))
    await until(
      () => [...running],
      lanes => lanes.join() === first,
    )
    addresses = [first, second]
    await until(
      () => running.size,
      size => size === 2,
    )
    addresses = [second]
    await until(
      () => [...running],
      lanes => lanes.join() === second,
    )
    expect(released).toEqual([first])
    stop()
    await ended
    expect(released).toEqual([first, second])
  })

  it("go on while the keys cannot be read", async () => {
    const address = anyAddress()
    let asked = 0
    const { running, released, stop, ended } = keeper(async () => {
      asked += 1
      if (asked > 1) throw new Error("the directory is not there")
      return [createInMemorySigner(address)]
    })
    await until(
      () => asked,
      times => times > 3,
    )
    expect([...running]).toEqual([address])
    expect(released).toEqual([])
    stop()
    await ended
  })
})
