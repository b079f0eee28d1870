import { z } from "zod"
import { brokers, entry, list, url, urlList } from "./entry.ts"
import { EMBEDDABLE } from "./names.ts"

/** Which servers, and which of them are started here. */
export const serverSettings = {
  DATABASE_URL: entry({
    schema: url(["postgres:", "postgresql:"], "postgres://reconciler@db:5432/caregrid"),
    unit: "URL",
    about: "The app's PostgreSQL (14 to 18), where the outbox is. Unset: embedded.",
  }),
  DATABASE_SSL_CA_FILE: entry({
    schema: z.string().min(1),
    unit: "path",
    about:
      "PEM certificates that PostgreSQL's is checked with; DATABASE_URL must say sslmode=verify-full. Read again at each connection.",
  }),
  KAFKA_BROKERS: entry({
    schema: brokers,
    unit: "host:port list",
    about: "Apache Kafka's bootstrap brokers. Unset: embedded.",
  }),
  BLOCKCHAIN_PROVIDER_URL: entry({
    schema: urlList(["http:", "https:"], "http://node-1:8545,http://node-2:8545"),
    unit: "URL list",
    about:
      "JSON-RPC endpoints of the Ethereum chain, separated by commas: the next is asked when one fails or lags. Unset: embedded.",
  }),
  EMBEDDED: entry({
    schema: list(EMBEDDABLE),
    fallback: "",
    unit: "list",
    about:
      "Which of postgres, kafka, chain to start here, with temporary data, although another one is external. With nothing set, all three.",
  }),
}
