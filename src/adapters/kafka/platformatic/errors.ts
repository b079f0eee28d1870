import { GenericError, MultipleErrors } from "@platformatic/kafka"
import { flatten, isRefusedLogin } from "../connection-fault.ts"

/** The protocol's names of what the broker answered, such as MESSAGE_TOO_LARGE: one for each partition or try. */
export function protocolErrorNames(error: unknown): readonly string[] {
  return flatten(error).flatMap(one => {
    const name: unknown = Reflect.get(one, "apiId")
    return typeof name === "string" ? [name] : []
  })
}

/** Whether waiting can mend it: an outage can, a wrong password or a bug cannot. */
export function isTransient(error: unknown): boolean {
  const known = error instanceof GenericError || error instanceof MultipleErrors
  if (!known || flatten(error).some(isRefusedLogin)) return false
  return !protocolErrorNames(error).some(
    name => name.endsWith("_AUTHORIZATION_FAILED") || name === "UNSUPPORTED_VERSION",
  )
}
