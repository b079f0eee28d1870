/** Something an operator should look at. */
export interface Finding {
  readonly finding: string
  readonly about: string
  /** Unix milliseconds. */
  readonly sinceMs: number
}
