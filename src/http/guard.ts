import { createHash, timingSafeEqual } from "node:crypto"
import { isIP } from "node:net"
import type { MiddlewareHandler } from "hono"

/** Answered without a token: supervisors have none, and these say no more than yes or no. */
const OPEN_PATHS: readonly string[] = ["/livez", "/readyz"]

/**
 * Refuses requests by a name that is not ours: a page in a browser could have its own name point to this address
 * (DNS rebinding) and read the answers. An IP address cannot be made to point elsewhere.
 */
export function allowHosts(names: readonly string[]): MiddlewareHandler {
  return async (context, next) => {
    const host = hostName(context.req.header("host") ?? "")
    if (isIP(host) === 0 && host !== "localhost" && !names.includes(host)) {
      return context.text("unknown host\n", 421)
    }
    await next()
  }
}

/** Without port and without the brackets of an IPv6 address. */
function hostName(header: string): string {
  return (
    /^\[([0-9a-fA-F:.]+)\](?::[0-9]+)?$/.exec(header)?.[1] ?? header.replace(/:[0-9]+$/, "")
  ).toLowerCase()
}

/** `token` is asked at each request; what takes time does not depend on how much of a guess is right. */
export function requireToken(token: () => string): MiddlewareHandler {
  return async (context, next) => {
    const isOpen = OPEN_PATHS.includes(context.req.path) && context.req.query("verbose") === undefined
    const given = /^Bearer ([\x21-\x7e]+)$/i.exec(context.req.header("authorization") ?? "")?.[1] ?? ""
    if (!isOpen && !timingSafeEqual(digest(given), digest(token()))) {
      return context.text("unauthorized\n", 401, { "www-authenticate": "Bearer" })
    }
    await next()
  }
}

const digest = (text: string) => createHash("sha256").update(text).digest()
