import { type Logger as PinoLogger, pino, stdSerializers } from "pino"

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
    serializers: { err: withoutQueryParameters },
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

/** A database error carries the failed row in `detail` and `parameters`; those may name a patient and must not be logged. */
function withoutQueryParameters(error: Error): object {
  const plain = stdSerializers.err(error) as object as Record<string, unknown>
  const {
    detail: _detail,
    parameters: _parameters,
    args: _args,
    query: _query,
    where: _where,
    ...safe
  } = plain
  return safe
}
