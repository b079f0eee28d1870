/** The node gave no answer: refused, timed out, or an HTTP error. `code` is ethers' or the system's. */
export class NodeUnreachableError extends Error {
  override readonly name = "NodeUnreachableError"
  readonly code: string
  constructor(code: string, detail: string) {
    super(`the chain's node gave no answer: ${detail}`)
    this.code = code
  }
}

/** Without a cause: ethers' errors quote the endpoint, and with it a user's or provider's key, and end up in logs. */
export function toNodeError(error: unknown): NodeUnreachableError {
  if (error instanceof NodeUnreachableError) return error
  const { code, shortMessage } = (typeof error === "object" && error !== null ? error : {}) as Record<
    string,
    unknown
  >
  const name = typeof code === "string" ? code : "UNKNOWN"
  return new NodeUnreachableError(name, typeof shortMessage === "string" ? shortMessage : name)
}
