import { type Config, type ConfigNeeds, readConfig } from "../config.ts"
import { type Clock, systemClock } from "../runtime/clock.ts"
import { createLogger, type Logger } from "../runtime/logger.ts"

/** What a command gets from the outside. stdout is for its answer, stderr for everything said meanwhile. */
export interface CliContext {
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WriteStream
  config(needs?: ConfigNeeds): Config
  logger(config: Config): Logger
}

export function createContext(signal: AbortSignal): CliContext {
  return {
    signal,
    clock: systemClock,
    stdout: process.stdout,
    stderr: process.stderr,
    config: needs => readConfig(undefined, needs),
    logger: config =>
      createLogger({
        level: config.logLevel,
        pretty: config.logFormat === "pretty" || (config.logFormat === "auto" && process.stderr.isTTY),
      }),
  }
}
