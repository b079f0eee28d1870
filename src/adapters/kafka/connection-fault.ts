import { ConfigurationError, OperatorError, UnavailableError } from "../../runtime/errors.ts"
import type { KafkaSettings } from "./settings.ts"

const REFUSED_LOGIN = new Set([
  "KafkaJSSASLAuthenticationError",
  "PLT_KFK_AUTHENTICATION",
  "SASL_AUTHENTICATION_FAILED",
  "UNSUPPORTED_SASL_MECHANISM",
])
const UNTRUSTED = /certificate|altnames|self-signed|self signed/i
/** What a broker's other listeners answer to a client that speaks the wrong protocol. */
const NOT_TLS =
  /wrong version number|TLS handshake failed|secure TLS connection was established|packet length/i

/** What a controller's listener says of a client's requests. */
const NOT_FOR_CLIENTS = /UNSUPPORTED_VERSION|does not support the requested API|unsupported API/i

/** What a person can do about a connection that could not be made. Neither password nor certificate is shown. */
export function unusable(settings: KafkaSettings, cause: unknown): OperatorError {
  return known(settings, cause) ?? noAnswer(settings, cause)
}

/**
 * What a person can do about a broker that answers and does not do what it is asked, however often: an error of the
 * client library becomes an OperatorError, any other is a bug and is given back as it is.
 */
export function refused(settings: KafkaSettings, cause: unknown): unknown {
  const errors = flatten(cause)
  if (cause instanceof OperatorError || !errors.some(isOfKafka)) return cause
  const fault = known(settings, cause)
  if (fault) return fault
  const reason =
    errors
      .map(({ message }) => message)
      .filter(message => message !== "")
      .at(-1) ?? "no reason given"
  return new UnavailableError(
    `Kafka at ${settings.brokers.join(", ")} does not do what it is asked (${reason}): see that it is well, and that KAFKA_BROKERS names it`,
    {
      cause,
    },
  )
}

function isOfKafka(error: Error): boolean {
  return error.name.startsWith("KafkaJS") || property(error, "code").startsWith("PLT_KFK")
}

/** Faults that have a name; null for the others. */
function known(settings: KafkaSettings, cause: unknown): OperatorError | null {
  const where = settings.brokers.join(", ")
  const errors = flatten(cause)
  if (errors.some(isRefusedLogin)) {
    return new ConfigurationError(
      `Kafka at ${where} refuses the login: check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and the password in KAFKA_SASL_PASSWORD_FILE`,
      { cause },
    )
  }
  const untrusted = errors.find(({ message }) => UNTRUSTED.test(message))
  if (untrusted) {
    return new ConfigurationError(
      `Kafka's certificate at ${where} is not accepted (${untrusted.message}): KAFKA_SSL_CA_FILE must hold the authority that signed it, and KAFKA_BROKERS a name that it bears`,
      { cause },
    )
  }
  if (
    errors.some(error =>
      NOT_FOR_CLIENTS.test([error.message, property(error, "type"), property(error, "apiId")].join(" ")),
    )
  ) {
    return new UnavailableError(
      `Something answers at ${where} that is no listener for clients, such as a controller's: KAFKA_BROKERS must name the brokers' own`,
      { cause },
    )
  }
  return null
}

function noAnswer(settings: KafkaSettings, cause: unknown): OperatorError {
  const where = settings.brokers.join(", ")
  const errors = flatten(cause)
  const plain = settings.tls && errors.some(({ message }) => NOT_TLS.test(message))
  const hint = plain
    ? "; it does not seem to speak TLS there, unset KAFKA_SSL_CA_FILE or use its TLS port"
    : ""
  return new UnavailableError(
    `Kafka does not answer at ${where}: see that the broker runs and that KAFKA_BROKERS names it${hint}`,
    { cause },
  )
}

/** Whether the server refuses who we are, or does not let us: waiting does not mend it. */
export function isRefusedLogin(error: Error): boolean {
  return [error.name, ...["code", "apiId", "type"].map(name => property(error, name))].some(name =>
    REFUSED_LOGIN.has(name),
  )
}

function property(error: Error, name: string): string {
  return String(Reflect.get(error, name) ?? "")
}

/** The error and all that it was caused by: clients wrap what they gave up on. */
export function flatten(error: unknown, depth = 0): readonly Error[] {
  if (!(error instanceof Error) || depth > 10) return []
  const inner = "errors" in error && Array.isArray(error.errors) ? error.errors : []
  return [error, ...[error.cause, ...inner].flatMap(one => flatten(one, depth + 1))]
}
