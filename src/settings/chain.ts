import { z } from "zod"
import { address, addresses, entry, url, wholeNumber } from "./entry.ts"

/** Contracts, keys and lanes. */
export const chainSettings = {
  PATIENT_REGISTRY_ADDRESS: entry({
    schema: address,
    unit: "address",
    about: "PatientRegistry on that chain.",
  }),
  BLOCKED_IP_REGISTRY_ADDRESS: entry({
    schema: address,
    unit: "address",
    about: "BlockedIPRegistry on that chain.",
  }),
  ATTACK_SIGNATURE_REGISTRY_ADDRESS: entry({
    schema: address,
    unit: "address",
    about: "AttackSignatureRegistry on that chain.",
  }),
  BLOCKCHAIN_PRIVATE_KEY_FILE: entry({
    schema: z.string().min(1),
    unit: "path list",
    about:
      "Files with one private key each (0x and 64 hex digits; mode 600), or directories of such files, separated by commas: one lane a key. A file that appears in a directory, or goes, adds or ends its lane within seconds. Unset: development keys, on chain id 31337 only.",
  }),
  BLOCKCHAIN_SIGNER_URL: entry({
    schema: url(["http:", "https:"], "https://web3signer:9000"),
    unit: "URL",
    about:
      "A remote signer that has the lanes' keys and signs by JSON-RPC: Web3Signer, or Clef. Beside or in place of key files.",
  }),
  BLOCKCHAIN_SIGNER_ADDRESSES: entry({
    schema: addresses,
    unit: "address list",
    about: "The signer's accounts that are lanes, separated by commas.",
  }),
  BLOCKCHAIN_SIGNER_TIMEOUT_MS: entry({
    schema: wholeNumber(100, 3_600_000),
    fallback: "10000",
    unit: "milliseconds",
    about:
      "After this a signature counts as not given, and is asked for again. A lane's lease lasts at least twice as long, whatever LEASE_MS says.",
  }),
  DEVELOPMENT_LANES: entry({
    schema: wholeNumber(1, 8),
    fallback: "2",
    unit: "lanes",
    about: "How many development accounts write when no key file is given.",
  }),
  BLOCKCHAIN_CONFIRMATIONS: entry({
    schema: z.union([z.literal("finalized"), wholeNumber(1, 1000)], "1 to 1000, or finalized"),
    fallback: "1",
    unit: "blocks",
    about:
      "How deep a transaction must be before its operations are confirmed; 1 is the block it is in; `finalized` is what the chain itself calls so.",
  }),
  BLOCKCHAIN_CONFIRMATION_TIMEOUT: entry({
    schema: wholeNumber(1, 86_400),
    fallback: "120",
    unit: "seconds",
    about: "After this a waiting transaction is reported and its fee raised. It is never forgotten.",
  }),
  BATCH_SIZE: entry({
    schema: wholeNumber(1, 1000),
    fallback: "256",
    unit: "operations",
    about: "Most operations in one transaction; gas and calldata limits may make it fewer.",
  }),
  BATCHES_IN_FLIGHT: entry({
    schema: wholeNumber(1, 64),
    fallback: "4",
    unit: "transactions",
    about: "Most unconfirmed transactions of one lane.",
  }),
  MAX_PENDING_OPERATIONS: entry({
    schema: wholeNumber(1, 10_000_000),
    fallback: "50000",
    unit: "operations",
    about:
      "Above this the chain writer stops taking in more from Kafka until some are final. Of backfill it takes ten times as many.",
  }),
}
