import { OperatorError } from "../runtime/errors.ts"

/** Exit codes of `sysexits.h`: 69 a service cannot be had, 78 a setting has to change. */
export type EmbeddedExitCode = 69 | 78

/**
 * Embedded infrastructure that cannot be brought up for a reason its user can mend.
 * The message says what is wrong and what to do; it is shown as it is, without a stack trace.
 */
export class EmbeddedError extends OperatorError {
  override readonly name = "EmbeddedError"
  declare readonly exitCode: EmbeddedExitCode

  constructor(message: string, exitCode: EmbeddedExitCode = 69) {
    super(message, exitCode)
  }
}
