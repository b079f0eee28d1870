import { describe, expect, it } from "vitest"
import { type Environment, readConfig } from "../../src/config.ts"
import { ConfigurationError, EXIT } from "../../src/runtime/errors.ts"

const external = {
  DATABASE_URL: "postgres://u:s3cret@db:5432/caregrid",
  KAFKA_BROKERS: "kafka-1:9092,kafka-2:9092",
  BLOCKCHAIN_PROVIDER_URL: "http://node:8545",
  PATIENT_REGISTRY_ADDRESS: `0x${"1".repeat(40)}`,
  BLOCKED_IP_REGISTRY_ADDRESS: `0x${"2".repeat(40)}`,
  ATTACK_SIGNATURE_REGISTRY_ADDRESS: `0x${"3".repeat(40)}`,
}

function faultsOf(environment: Environment): string {
  try {
    readConfig(environment)
  } catch (error) {
    if (error instanceof ConfigurationError && error.exitCode === EXIT.configuration) return error.message
    throw error
  }
  return ""
}

describe("configuration", () => {
  it("embeds everything when nothing is set", () => {
    expect([...readConfig({}).embedded]).toEqual(["postgres", "kafka", "chain"])
  })

  it("embeds nothing when every server is named", () => {
    const config = readConfig(external)
    expect([...config.embedded]).toEqual([])
    expect(config.kafkaBrokers).toEqual(["kafka-1:9092", "kafka-2:9092"])
  })

  it.each(["DATABASE_URL", "KAFKA_BROKERS", "BLOCKCHAIN_PROVIDER_URL"])(
    "refuses a forgotten %s, so that nothing real is confirmed on a throwaway server",
    name => {
      const faults = faultsOf({ ...external, [name]: undefined })
      expect(faults).toContain(`${name} is missing`)
      expect(faults).toContain("EMBEDDED")
    },
  )

  it("takes a server as embedded when it is named so", () => {
    const config = readConfig({ ...external, KAFKA_BROKERS: "", EMBEDDED: "kafka" })
    expect([...config.embedded]).toEqual(["kafka"])
  })

  it("refuses a server that is both set and embedded", () => {
    expect(faultsOf({ ...external, EMBEDDED: "kafka" })).toContain("remove one of them")
  })

  it("refuses contract addresses on an embedded chain", () => {
    expect(faultsOf({ PATIENT_REGISTRY_ADDRESS: external.PATIENT_REGISTRY_ADDRESS })).toContain(
      "chain is embedded",
    )
  })

  it("asks for the addresses of an external chain, but not for deploy", () => {
    const missing = { ...external, PATIENT_REGISTRY_ADDRESS: undefined }
    expect(faultsOf(missing)).toContain("PATIENT_REGISTRY_ADDRESS is missing")
    expect(readConfig(missing, { contracts: false }).contracts).toBeNull()
  })

  it("names every fault at once and shows no value", () => {
    const faults = faultsOf({
      ...external,
      DATABASE_URL: "mysql://root:s3cret@db",
      KAFKA_BROKERS: "kafka",
      BATCH_SIZE: "0",
      WRITER_ID: "1024",
      LOG_LEVEL: "loud",
    })
    for (const name of ["DATABASE_URL", "KAFKA_BROKERS", "BATCH_SIZE", "WRITER_ID", "LOG_LEVEL"]) {
      expect(faults).toContain(`${name}: must be`)
    }
    expect(faults).not.toContain("s3cret")
  })

  it("wants a place for the days that retention takes out of the log, and keeps them for ever without it", () => {
    expect(readConfig(external).logRetentionDays).toBeNull()
    expect(faultsOf({ ...external, LOG_RETENTION_DAYS: "90" })).toContain("LOG_ARCHIVE_DIRECTORY is missing")
    const kept = readConfig({ ...external, LOG_RETENTION_DAYS: "90", LOG_ARCHIVE_DIRECTORY: "archive" })
    expect(kept).toMatchObject({ logRetentionDays: 90, logArchiveDirectory: "archive" })
  })
})
