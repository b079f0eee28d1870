import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { ConfigurationError } from "./errors.ts"

/**
 * The PEM certificates of a file, read anew at every call: whoever connects uses what is there now. While a renewal is
 * half written the ones before are given. Throws ConfigurationError if the file cannot be used to begin with.
 */
export function trustedCertificates(setting: string, path: string): () => string {
  let last = read()
  function read(): string {
    try {
      const text = readFileSync(path, "utf8")
      // Throws unless it begins with a certificate.
      new X509Certificate(text)
      return text
    } catch (cause) {
      throw new ConfigurationError(`${setting}: ${path} cannot be read or holds no PEM certificate`, {
        cause,
      })
    }
  }
  return () => {
    try {
      last = read()
    } catch {
      // As it was.
    }
    return last
  }
}

/** The one line of a file that holds a secret, read anew at every call. Throws ConfigurationError if it cannot be. */
export function secretFromFile(setting: string, path: string): () => string {
  const read = () => {
    try {
      const secret = readFileSync(path, "utf8").replace(/\r?\n$/, "")
      if (secret !== "") return secret
    } catch (cause) {
      throw new ConfigurationError(`${setting}: ${path} cannot be read`, { cause })
    }
    throw new ConfigurationError(`${setting}: ${path} is empty`)
  }
  read()
  return read
}
