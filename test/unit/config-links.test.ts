import { describe, expect, it } from "vitest"
import { type Environment, readConfig } from "../../src/config.ts"

const servers = {
  DATABASE_URL: "postgres://u:s3cret@db:5432/caregrid?sslmode=verify-full",
  KAFKA_BROKERS: "kafka-1:9092",
}
const login = {
  KAFKA_SASL_MECHANISM: "scram-sha-512",
  KAFKA_SASL_USERNAME: "reconciler",
  KAFKA_SASL_PASSWORD_FILE: "/run/secrets/kafka",
}

const read = (environment: Environment) =>
  readConfig(environment, { contracts: false, servers: ["postgres", "kafka"] })

describe("settings of the links' security", () => {
  it("gives the database's authority where the one who connects looks for it", () => {
    const { databaseUrl } = read({ ...servers, DATABASE_SSL_CA_FILE: "/etc/ca.pem" })
    expect(new URL(databaseUrl ?? "").searchParams.get("sslrootcert")).toBe("/etc/ca.pem")
  })

  it("refuses an authority that nothing would be checked with, without showing the password", () => {
    const unchecked = { ...servers, DATABASE_URL: "postgres://u:s3cret@db/caregrid?sslmode=require" }
    const message = () => read({ ...unchecked, DATABASE_SSL_CA_FILE: "/etc/ca.pem" })
    expect(message).toThrow(/sslmode=verify-full/)
    expect(message).not.toThrow(/s3cret/)
  })

  it("takes a login whole or not at all", () => {
    expect(read(servers).kafkaSasl).toBeNull()
    expect(read({ ...servers, ...login }).kafkaSasl).toEqual({
      mechanism: "scram-sha-512",
      username: "reconciler",
      passwordFile: "/run/secrets/kafka",
    })
    for (const name of Object.keys(login)) {
      expect(() => read({ ...servers, ...login, [name]: undefined })).toThrow(`${name} is missing`)
    }
  })

  it("refuses to send a plain password over a connection that anyone can read", () => {
    const plain = { ...servers, ...login, KAFKA_SASL_MECHANISM: "plain" }
    expect(() => read(plain)).toThrow(/shows the password/)
    expect(read({ ...plain, KAFKA_SSL_CA_FILE: "/etc/ca.pem" }).kafkaSasl?.mechanism).toBe("plain")
  })

  it("refuses to secure a Kafka that is started here", () => {
    expect(() => read({ KAFKA_SSL_CA_FILE: "/etc/ca.pem" })).toThrow(/KAFKA_BROKERS/)
  })
})
