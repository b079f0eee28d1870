/** What an operator is told about a lane. All but the staying ones end by themselves when their cause does. */
export const FINDINGS = [
  /** The registry is paused. */
  "paused",
  /** The lane's account may not write to the registry. */
  "no-writer-role",
  /** No registry at the configured address, or another than this service was made for. */
  "no-contract",
  /** `deploy --rebuild` has put others in the place of the configured contracts. */
  "contracts-replaced",
  /** A transaction succeeded without our contract's event, or reverted for no reason we can see. */
  "no-effect",
  /** The signer gives no signature, or signed something else than it was asked to. */
  "not-signed",
  /** The account cannot pay for what is in flight and one batch more. */
  "insufficient-funds",
  /** Fees are above the configured cap: waiting for them to fall. */
  "fee-cap",
  /** The node takes no transaction in this form. */
  "transaction-refused",
  /** A transaction that is next in line waits longer than the confirmation timeout; it is never given up. */
  "unconfirmed",
  /** The chain has fewer nonces of the account than we have used: a lagging node, or a deep reorg. */
  "nonce-behind",
  /** Someone else signs with the lane's key. */
  "foreign-nonce",
  /** The node's genesis block is not the one that the lane's nonces belong to: a development chain that was reset. */
  "other-chain",
  /** A reorganisation deeper than the confirmations took results back that were told. Nothing new until a person resumes. */
  "reorg-too-deep",
  /** After such a reorganisation the chain says something else than a result that was told; see the dead letters. */
  "result-contradicted",
] as const

export type Finding = (typeof FINDINGS)[number]

/** These end only by `reconciler lane resume`: a person has to have looked. */
export const STAYING_FINDINGS: readonly Finding[] = ["foreign-nonce", "reorg-too-deep", "result-contradicted"]
