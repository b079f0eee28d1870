import type { ToolEnvironment } from "./environment.ts"
import type { Footprint } from "./footprint.ts"

/** What every embedded service is given to start with. */
export interface ServiceContext {
  footprint: Footprint
  environment: ToolEnvironment
  /** Reports a step when it starts and when it is done. */
  step<T>(name: string, run: () => Promise<T>): Promise<T>
}

/** A service that accepts clients. */
export interface RunningService {
  pid: number
  /** A URL, or host:port for Kafka. */
  address: string
  exited: Promise<number | null>
  tail(): string
}
