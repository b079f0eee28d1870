import { type Logger as PinoLogger, pino } from "pino"

export type Logger = Pick<PinoLogger, "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "child">

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent"

export interface LoggerOptions {
  readonly level: LogLevel
  /** Readable lines for a person; otherwise JSON lines. */
  readonly pretty: boolean
  readonly name?: string
}

/** Logs go to stderr: stdout belongs to a command's answer, which `--json` promises to be one object. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    name: options.name ?? "reconciler",
    level: options.level,
    serializers: { err: loggableError },
  }
  if (!options.pretty) return pino(settings, pino.destination({ dest: 2, sync: true }))
  return pino({
    ...settings,
    transport: {
      target: "pino-pretty",
      options: { destination: 2, sync: true, ignore: "pid,hostname,name", translateTime: "SYS:HH:MM:ss.l" },
    },
  })
}

export const silentLogger: Logger = pino({ level: "silent" })

const MOST_CAUSES = 5

/**
 * What may be logged of an error: a database's also carries the failed row (`detail`), the statement's values
 * (`parameters`) and, in its message, the value it could not read; those may name a patient.
 */
export function loggableError(error: Error, depth = 0): object {
  const { code, constraint_name: constraint } = error as { code?: unknown; constraint_name?: unknown }
  const cause =
    error.cause instanceof Error && depth < MOST_CAUSES ? loggableError(error.cause, depth + 1) : undefined
  return {
    type: error.name,
    message: withoutQuotedValue(error.message),
    ...(code !== undefined && { code }),
    ...(constraint !== undefined && { constraint }),
    stack: error.stack
      ?.split("\n")
      .filter(line => line.startsWith("    at "))
      .join("\n"),
    ...(cause && { cause }),
  }
}

/** `invalid input syntax for type uuid: "…"`: PostgreSQL puts the value last, after a colon. */
function withoutQuotedValue(message: string): string {
  return message.replace(/: ".*"$/s, "")
}
