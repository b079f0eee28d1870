/** sysexits(3) where one fits; 1 and 2 tell partial from complete failure, as the cron commands' users need. */
export const EXIT = {
  ok: 0,
  partialFailure: 1,
  completeFailure: 2,
  usage: 64,
  unavailable: 69,
  tryAgain: 75,
  configuration: 78,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What a person can put right: its message says what is wrong and what to do. Shown without a stack trace. */
export class OperatorError extends Error {
  override readonly name: string = "OperatorError"
  readonly exitCode: ExitCode
  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** A server cannot be reached, or is not what it should be. */
export class UnavailableError extends OperatorError {
  override readonly name = "UnavailableError"
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.unavailable, options)
  }
}

/** A setting is missing or wrong. */
export class ConfigurationError extends OperatorError {
  override readonly name = "ConfigurationError"
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.configuration, options)
  }
}
