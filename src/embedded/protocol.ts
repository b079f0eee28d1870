import type { EmbeddedExitCode } from "./error.ts"

export type ServiceName = "postgres" | "kafka" | "chain"

export const serviceTitles: Readonly<Record<ServiceName, string>> = {
  postgres: "PostgreSQL",
  kafka: "Apache Kafka",
  chain: "the development chain",
}

/** One step of one service. `seconds` is what the step has taken: 0 when it starts. */
export interface EmbeddedProgress {
  service: ServiceName
  step: string
  seconds: number
  state: "started" | "done"
}

/** What the guardian is asked for, as JSON in its first argument. */
export interface GuardianRequest {
  services: ServiceName[]
  ports: { postgres?: number; kafka?: number; chain?: number }
  chainBlockIntervalMs?: number
}

/** Where the services listen, once all of them do. */
export interface ServiceAddresses {
  databaseUrl?: string
  kafkaBrokers?: string[]
  blockchainProviderUrl?: string
  pids: { postgres?: number; kafka?: number; chain?: number }
}

/** What the guardian writes to its stdout, one JSON object a line. */
export type GuardianMessage =
  | { type: "progress"; progress: EmbeddedProgress }
  | { type: "ready"; addresses: ServiceAddresses }
  | { type: "failed"; message: string; exitCode: EmbeddedExitCode }
  | { type: "lost"; service: ServiceName; message: string }
