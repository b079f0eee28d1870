import { execFile } from "node:child_process"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

export interface Authority {
  /** PEM file of its own certificate: what a client trusts. */
  readonly certificateFile: string
  /** A key and certificate for these names or addresses, signed by it. */
  issue(name: string, subjectAltName: string): Promise<ServerCertificate>
}

export interface ServerCertificate {
  readonly certificateFile: string
  readonly keyFile: string
  /** Key and chain in one file, as Kafka's PEM key store wants them. */
  readonly keyStoreFile: string
}

/** A certificate authority of a test's own, by the openssl program. */
export async function createAuthority(directory: string, name: string): Promise<Authority> {
  const path = (file: string) => join(directory, file)
  const [caKey, caCertificate] = [path(`${name}.key`), path(`${name}.pem`)]
  const self = ["req", "-x509", ...KEY, "-keyout", caKey, "-out", caCertificate, "-days", "2"]
  await run("openssl", [...self, "-subj", `/CN=${name}`])
  return {
    certificateFile: caCertificate,
    async issue(server, subjectAltName) {
      const [key, request, certificate] = ["key", "csr", "crt"].map(kind => path(`${server}.${kind}`)) as [
        string,
        string,
        string,
      ]
      await run("openssl", ["req", "-new", ...KEY, "-keyout", key, "-out", request, "-subj", "/CN=server"])
      const extensions = path(`${server}.ext`)
      await writeFile(extensions, `subjectAltName=${subjectAltName}\n`)
      const sign = ["x509", "-req", "-in", request, "-CA", caCertificate, "-CAkey", caKey, "-CAcreateserial"]
      await run("openssl", [...sign, "-out", certificate, "-days", "2", "-extfile", extensions])
      const keyStoreFile = path(`${server}.store.pem`)
      const parts = await Promise.all([key, certificate, caCertificate].map(file => readFile(file, "utf8")))
      await writeFile(keyStoreFile, parts.join(""))
      return { certificateFile: certificate, keyFile: key, keyStoreFile }
    },
  }
}
