import { ConfigurationError } from "../../runtime/errors.ts"
import { trustedCertificates } from "../../runtime/trusted-file.ts"

/** What the driver needs to check the server's certificate. */
export interface DatabaseTls {
  /** PEM; a getter, so that each new connection uses the file as it is then. */
  readonly ca: string
  /** The name or address that the certificate must bear. */
  readonly host: string
}

/**
 * Takes `sslrootcert` out of a connection URL, where libpq has it and the driver does not know it. The server's
 * certificate is then checked with that file, as `sslmode=verify-full` says. Throws ConfigurationError if it cannot be.
 */
export function takeTls(url: string): { readonly url: string; readonly tls: DatabaseTls | null } {
  const parsed = URL.parse(url)
  const file = parsed?.searchParams.get("sslrootcert")
  if (!parsed || !file || file === "system") return { url, tls: null }
  if (parsed.searchParams.get("sslmode") !== "verify-full") {
    throw new ConfigurationError(
      "DATABASE_URL must say sslmode=verify-full: only then is the server's certificate checked with DATABASE_SSL_CA_FILE",
    )
  }
  parsed.searchParams.delete("sslrootcert")
  parsed.searchParams.delete("sslmode")
  const certificates = trustedCertificates("DATABASE_SSL_CA_FILE", file)
  const tls = {
    get ca() {
      return certificates()
    },
    host: parsed.hostname.replace(/^\[|\]$/g, ""),
  }
  return { url: parsed.href, tls }
}

const UNTRUSTED = /certificate|altnames|self-signed|self signed/i

/** Whether a connection failed because of the server's certificate: waiting does not mend it. */
export function isUntrusted(error: unknown): error is Error {
  return error instanceof Error && UNTRUSTED.test(error.message)
}
