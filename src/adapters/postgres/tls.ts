import { ConfigurationError } from "../../runtime/errors.ts"
import { trustedCertificates } from "../../runtime/trusted-file.ts"
import type { Encryption } from "./socket.ts"

/** sslmode as libpq has it, where no file of certificates is given: what is not here is in the clear. */
const WITHOUT_FILE: Readonly<Record<string, Encryption>> = {
  allow: { required: false, options: () => ({ rejectUnauthorized: false }) },
  prefer: { required: false, options: () => ({ rejectUnauthorized: false }) },
  require: { required: true, options: () => ({ rejectUnauthorized: false }) },
  "verify-ca": { required: true, options: () => ({}) },
  "verify-full": { required: true, options: () => ({}) },
}

/**
 * Takes `sslmode` and `sslrootcert` out of a connection URL: encryption is ours, not the driver's. With a file the
 * server's certificate is checked with that, as `sslmode=verify-full` says, read anew at each connection. Throws
 * ConfigurationError if it cannot be.
 */
export function takeTls(url: string): { readonly url: string; readonly encryption: Encryption | null } {
  const parsed = URL.parse(url)
  if (!parsed) return { url, encryption: null }
  const mode = parsed.searchParams.get("sslmode")
  const file = parsed.searchParams.get("sslrootcert")
  parsed.searchParams.delete("sslrootcert")
  parsed.searchParams.delete("sslmode")
  if (!file || file === "system") {
    return { url: parsed.href, encryption: WITHOUT_FILE[file ? "verify-full" : (mode ?? "")] ?? null }
  }
  if (mode !== "verify-full") {
    throw new ConfigurationError(
      "DATABASE_URL must say sslmode=verify-full: only then is the server's certificate checked with DATABASE_SSL_CA_FILE",
    )
  }
  const certificates = trustedCertificates("DATABASE_SSL_CA_FILE", file)
  // The name or address that the certificate must bear.
  const host = parsed.hostname.replace(/^\[|\]$/g, "")
  return { url: parsed.href, encryption: { required: true, options: () => ({ ca: certificates(), host }) } }
}

const UNTRUSTED = /certificate|altnames|self-signed|self signed/i

/** Whether a connection failed because of the server's certificate: waiting does not mend it. */
export function isUntrusted(error: unknown): error is Error {
  return error instanceof Error && UNTRUSTED.test(error.message)
}
