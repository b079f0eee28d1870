export interface HttpConfig {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  readonly tokenFile: string | null
  readonly allowedHosts: readonly string[]
}

interface HttpValues {
  readonly HTTP_PORT?: number
  readonly HTTP_HOST?: string
  readonly HTTP_TOKEN_FILE?: string
  readonly HTTP_ALLOWED_HOSTS?: readonly string[]
}

/** What anybody on the network could ask must not be answered to anybody. */
export function httpConfig(values: HttpValues, faults: string[]): HttpConfig | null {
  const { HTTP_PORT: port, HTTP_HOST: host, HTTP_TOKEN_FILE: tokenFile = null } = values
  if (port === undefined || host === undefined) return null
  if (tokenFile === null && !isLoopback(host)) {
    faults.push("HTTP_TOKEN_FILE is missing: HTTP_HOST is no loopback address, and others could ask")
  }
  return { host, port, tokenFile, allowedHosts: values.HTTP_ALLOWED_HOSTS ?? [] }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.[0-9.]+$/.test(host)
}
