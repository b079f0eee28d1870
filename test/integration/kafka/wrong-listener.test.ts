import type { AddressInfo } from "node:net"
import { createServer, type Server } from "node:net"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { ensureTopics } from "../../../src/adapters/kafka/ensure-topics.ts"
import { KAFKA_CLIENTS } from "../../../src/adapters/kafka/settings.ts"
import { OperatorError, UnavailableError } from "../../../src/runtime/errors.ts"
import { type PrivateBroker, startPrivateBroker } from "../../support/faults/private-broker.ts"
import { anyGroup, kafkaClient, kafkaSettings } from "../../support/kafka.ts"

let broker: PrivateBroker
let controller: string
let web: Server
beforeAll(async () => {
  broker = await startPrivateBroker({
    properties({ controllerPort }) {
      controller = `127.0.0.1:${controllerPort}`
      return ""
    },
  })
  web = createServer(socket => void socket.on("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")))
  await new Promise<void>(resolve => web.listen(0, "127.0.0.1", resolve))
})
afterAll(async () => {
  web.close()
  await broker.close()
})

describe.each(KAFKA_CLIENTS)("KAFKA_BROKERS that names something else, with %s", name => {
  const clientOf = (address: string) => kafkaClient(name, { ...kafkaSettings(), brokers: [address] })
  const ensure = (address: string) =>
    ensureTopics(clientOf(address), ["a"], { partitions: 1, replicationFactor: 1 }).catch(error => error)

  test("a controller's listener is told from a broker's", async () => {
    const failed = await ensure(controller)
    expect(failed).toBeInstanceOf(UnavailableError)
    expect(failed.message).toContain(controller)
    expect(failed.message).toMatch(/no listener for clients.*KAFKA_BROKERS/)
  })

  test("a server that is no Kafka at all is said not to answer as one", async () => {
    const { port } = web.address() as AddressInfo
    const failed = await ensure(`127.0.0.1:${port}`)
    expect(failed).toBeInstanceOf(UnavailableError)
    expect(failed.message).toContain("KAFKA_BROKERS")
  })

  test("a consumer there waits for a broker, or ends with what a person can mend", async () => {
    const stop = new AbortController()
    const ended = clientOf(controller)
      .subscription()
      .run({
        groupId: anyGroup(),
        topics: ["a"],
        storedOffset: async () => null,
        onBatch: async () => ({ next: "continue" }),
        signal: stop.signal,
      })
      .then(
        () => "stopped",
        (error: unknown) => error,
      )
    const outcome = await Promise.race([ended, new Promise(resolve => setTimeout(resolve, 3_000, "waits"))])
    stop.abort()
    if (outcome === "waits") return
    expect(outcome).toBeInstanceOf(OperatorError)
  })
})
