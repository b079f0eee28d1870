/** Something its user can mend: shown as its message alone. `exitCode` is from sysexits.h: 64, 69 or 78. */
export class LaunchError extends Error {
  constructor(message, exitCode) {
    super(message)
    this.name = "LaunchError"
    this.exitCode = exitCode
  }
}

/** Runs `action`, and turns a LaunchError into its message and exit code. Other errors are bugs and keep their stack. */
export async function reportingErrors(action) {
  try {
    process.exitCode = await action()
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error
    if (error.message !== "") process.stderr.write(`${error.message}\n`)
    process.exitCode = error.exitCode
  }
}
