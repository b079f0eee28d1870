import kafkajs from "kafkajs"

// Node finds no named exports for these in kafkajs' CommonJS.
const { KafkaJSError, KafkaJSProtocolError } = kafkajs

/** The innermost error: kafkajs wraps what it gave up on. */
function rootCause(error: unknown): unknown {
  let root = error
  for (let depth = 0; depth < 10 && root instanceof Error && root.cause; depth += 1) root = root.cause
  return root
}

/** The protocol's name of a broker's refusal, such as MESSAGE_TOO_LARGE; null if it is something else. */
export function protocolErrorType(error: unknown): string | null {
  const root = rootCause(error)
  return root instanceof KafkaJSProtocolError ? root.type : null
}

/** Whether waiting can mend it: an outage can, a wrong password or a bug cannot. */
export function isTransient(error: unknown): boolean {
  if (error instanceof Error && error.name === "KafkaJSNumberOfRetriesExceeded") return true
  const root = rootCause(error)
  return root instanceof KafkaJSError && root.retriable
}
