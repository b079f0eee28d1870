import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { ensureTopics } from "../../../src/adapters/kafka/ensure-topics.ts"
import { KAFKA_CLIENTS, type KafkaClientName } from "../../../src/adapters/kafka/settings.ts"
import { readConfig } from "../../../src/config.ts"
import { kafkaSettings } from "../../../src/kafka-settings.ts"
import { EXIT, OperatorError } from "../../../src/runtime/errors.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import { type Authority, createAuthority } from "../../support/faults/certificates.ts"
import {
  type PrivateBroker,
  privateBrokerMissing,
  startPrivateBroker,
} from "../../support/faults/private-broker.ts"
import { anyGroup, kafkaClient, readAll } from "../../support/kafka.ts"
import { until } from "../../support/until.ts"

const PASSWORD = "not in any list"
const USER = "reconciler"
const TIMEOUT_MS = 120_000

describe.skipIf(privateBrokerMissing() !== null)("Kafka over TLS with SCRAM", { timeout: TIMEOUT_MS }, () => {
  let directory: string
  let authority: Authority
  let other: Authority
  let keyStore: string
  let broker: PrivateBroker

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "reconciler-tls-"))
    authority = await createAuthority(directory, "authority")
    other = await createAuthority(directory, "other")
    keyStore = join(directory, "broker.pem")
    await useCertificate(authority, "IP:127.0.0.1,DNS:localhost")
    broker = await startPrivateBroker({
      properties: ({ port, insidePort, controllerPort }) => `
listeners=CLIENTS://127.0.0.1:${port},INSIDE://127.0.0.1:${insidePort},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=CLIENTS://127.0.0.1:${port},INSIDE://127.0.0.1:${insidePort}
inter.broker.listener.name=INSIDE
listener.security.protocol.map=CLIENTS:SASL_SSL,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
listener.name.clients.ssl.keystore.type=PEM
listener.name.clients.ssl.keystore.location=${keyStore}
listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
`,
      formatArguments: ["--add-scram", `SCRAM-SHA-512=[name=${USER},password=${PASSWORD}]`],
    })
  }, TIMEOUT_MS)
  afterAll(async () => {
    await broker?.close()
    await rm(directory, { recursive: true, force: true })
  })

  async function useCertificate(from: Authority, names: string): Promise<void> {
    const { keyStoreFile } = await from.issue(`broker-${crypto.randomUUID()}`, names)
    await copyFile(keyStoreFile, keyStore)
  }

  /** As the service reads them from its environment. */
  async function settings(wrong: Readonly<Record<string, string>> = {}, password = PASSWORD) {
    const passwordFile = join(directory, `password-${crypto.randomUUID()}`)
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
    const brokers = wrong.KAFKA_BROKERS ?? broker.address
    const config = readConfig(
      {
        KAFKA_SSL_CA_FILE: authority.certificateFile,
        KAFKA_SASL_MECHANISM: "scram-sha-512",
        KAFKA_SASL_USERNAME: USER,
        KAFKA_SASL_PASSWORD_FILE: passwordFile,
        ...wrong,
        KAFKA_BROKERS: brokers,
      },
      { contracts: false, servers: ["kafka"] },
    )
    return kafkaSettings(config, [brokers], "test", silentLogger)
  }

  async function refusal(name: KafkaClientName, wrong: Readonly<Record<string, string>>, password?: string) {
    const client = kafkaClient(name, await settings(wrong, password))
    const error: unknown = await client.withAdmin(admin => admin.listTopics()).catch(reason => reason)
    if (error instanceof OperatorError) return error
    throw new Error(`no clear error, but ${error}`)
  }

  const message = (topic: string, value: string) => ({ topic, key: "k", value, headers: {} })

  describe.each(KAFKA_CLIENTS)("%s", name => {
    test("publishes, consumes and administers", async () => {
      const where = await settings()
      const client = kafkaClient(name, where)
      const topic = anyGroup()
      await ensureTopics(client, [topic], { partitions: 1, replicationFactor: 1 })
      const publisher = client.publisher()
      await publisher.publish([message(topic, "one"), message(topic, "two")])
      await publisher.close()
      const stop = new AbortController()
      const seen: (string | null)[] = []
      const running = client.subscription().run({
        groupId: anyGroup(),
        topics: [topic],
        storedOffset: async () => null,
        async onBatch({ messages }) {
          seen.push(...messages.map(({ value }) => value))
          return { next: "continue" }
        },
        signal: stop.signal,
      })
      await until(
        () => seen.length,
        count => count === 2,
      )
      stop.abort()
      await running
      expect(seen).toEqual(["one", "two"])
    })

    test("refuses a broker whose certificate another authority signed", async () => {
      const error = await refusal(name, { KAFKA_SSL_CA_FILE: other.certificateFile })
      expect(error.exitCode).toBe(EXIT.configuration)
      expect(error.message).toMatch(/certificate.*KAFKA_SSL_CA_FILE/)
    })

    test("says that a login is refused, and never shows the password", async () => {
      for (const error of [
        await refusal(name, {}, "wrong password"),
        await refusal(name, { KAFKA_SASL_USERNAME: "nobody" }),
        await refusal(name, { KAFKA_SASL_MECHANISM: "scram-sha-256" }),
      ]) {
        expect(error.exitCode).toBe(EXIT.configuration)
        expect(error.message).toMatch(/refuses the login.*KAFKA_SASL_PASSWORD_FILE/)
        expect(error.message).not.toContain("wrong password")
      }
    })

    test("uses a renewed authority file at the next connection, and a renewed certificate of the broker", async () => {
      const trusted = join(directory, `trusted-${name}.pem`)
      await copyFile(authority.certificateFile, trusted)
      await useCertificate(authority, "IP:127.0.0.1")
      const where = await settings({ KAFKA_SSL_CA_FILE: trusted })
      const client = kafkaClient(name, where)
      const topic = anyGroup()
      await ensureTopics(client, [topic], { partitions: 1, replicationFactor: 1 })
      const publisher = client.publisher()
      await publisher.publish([message(topic, "before")])

      await broker.kill()
      await useCertificate(other, "IP:127.0.0.1")
      await broker.start()
      await expect(publisher.publish([message(topic, "not trusted")])).rejects.toThrow()
      await writeFile(trusted, "half a fi")
      await expect(publisher.publish([message(topic, "half written")])).rejects.toThrow()
      await copyFile(other.certificateFile, trusted)
      await until(
        () =>
          publisher.publish([message(topic, "after")]).then(
            () => true,
            () => false,
          ),
        Boolean,
      )
      await publisher.close()
      expect((await readAll([topic], where)).map(({ value }) => value)).toEqual(["before", "after"])

      await broker.kill()
      await useCertificate(authority, "IP:127.0.0.1")
      await broker.start()
    })

    test("refuses a broker that bears another name", async () => {
      await broker.kill()
      await useCertificate(authority, "DNS:kafka.example.org")
      await broker.start()
      const error = await refusal(name, {})
      expect(error.exitCode).toBe(EXIT.configuration)
      expect(error.message).toMatch(/KAFKA_BROKERS a name that it bears/)
      await broker.kill()
      await useCertificate(authority, "IP:127.0.0.1")
      await broker.start()
    })
  })
})
