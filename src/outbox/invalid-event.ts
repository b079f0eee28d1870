/** One rule that an event breaks. Never holds a value or an unknown key: those can be a patient's. */
export interface EventFault {
  /** Of the field, `payload.expiresAt`. */
  readonly path: string
  readonly rule: string
}

/** The caller's event breaks the rules: nothing was written. Holds all faults, not only the first. */
export class InvalidEventError extends Error {
  override readonly name = "InvalidEventError"
  readonly faults: readonly EventFault[]

  constructor(faults: readonly EventFault[], options?: ErrorOptions) {
    super(`event refused: ${faults.map(fault => `${fault.path}: ${fault.rule}`).join("; ")}`, options)
    this.faults = faults
  }
}
