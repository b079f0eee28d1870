import { z } from "zod"
import { KAFKA_CLIENTS, SASL_MECHANISMS } from "../adapters/kafka/settings.ts"
import { entry, wholeNumber } from "./entry.ts"

/** Topics and the way to the brokers. */
export const kafkaSettings = {
  TOPIC_PREFIX: entry({
    schema: z.string().regex(/^[a-zA-Z0-9._-]{1,100}$/, "letters, digits, '.', '_' and '-', at most 100"),
    fallback: "caregrid",
    unit: "text",
    about: "First part of each topic's and consumer group's name.",
  }),
  TOPIC_PARTITIONS: entry({
    schema: wholeNumber(1, 1000),
    fallback: "3",
    unit: "partitions",
    about: "Partitions of a topic that has to be created.",
  }),
  TOPIC_REPLICATION_FACTOR: entry({
    schema: wholeNumber(1, 10),
    fallback: "1",
    unit: "replicas",
    about: "Replicas of a topic that has to be created; 3 on a real cluster.",
  }),
  KAFKA_CLIENT: entry({
    schema: z.enum(KAFKA_CLIENTS),
    fallback: "platformatic",
    unit: "name",
    about: "Client library for Kafka: platformatic or kafkajs. Both keep the same promises.",
  }),
  KAFKA_SSL_CA_FILE: entry({
    schema: z.string().min(1),
    unit: "path",
    about:
      "PEM certificates that the brokers' are checked with; set, Kafka is spoken to over TLS only. Read again at each connection.",
  }),
  KAFKA_SASL_MECHANISM: entry({
    schema: z.enum(SASL_MECHANISMS),
    unit: "name",
    about: "How to log in to Kafka: scram-sha-512, scram-sha-256, or plain (over TLS only). Unset: no login.",
  }),
  KAFKA_SASL_USERNAME: entry({
    schema: z.string().min(1),
    unit: "name",
    about: "Who logs in to Kafka.",
  }),
  KAFKA_SASL_PASSWORD_FILE: entry({
    schema: z.string().min(1),
    unit: "path",
    about: "File with that user's password (mode 600).",
  }),
  KAFKA_SESSION_TIMEOUT_MS: entry({
    schema: wholeNumber(1_000, 300_000),
    fallback: "10000",
    unit: "milliseconds",
    about:
      "A consumer that gives no sign for so long loses its partitions to another. The broker bounds it too.",
  }),
}
