/** What an operator is told about a lane. All but `foreign-nonce` end by themselves when their cause does. */
export const FINDINGS = [
  /** The registry is paused. */
  "paused",
  /** The lane's account may not write to the registry. */
  "no-writer-role",
  /** No registry at the configured address. */
  "no-contract",
  /** A transaction succeeded without our contract's event, or reverted for no reason we can see. */
  "no-effect",
  /** The account cannot pay for what is in flight and one batch more. */
  "insufficient-funds",
  /** Fees are above the configured cap: waiting for them to fall. */
  "fee-cap",
  /** The node takes no transaction in this form. */
  "transaction-refused",
  /** The chain has fewer nonces of the account than we have used: a lagging node, or a deep reorg. */
  "nonce-behind",
  /** Someone else signs with the lane's key. */
  "foreign-nonce",
] as const

export type Finding = (typeof FINDINGS)[number]
