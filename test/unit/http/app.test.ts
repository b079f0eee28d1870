import { describe, expect, it } from "vitest"
import { createHttpApp, type HttpAppOptions } from "../../../src/http/app.ts"
import { silentLogger } from "../../../src/runtime/logger.ts"
import type { StageProgress } from "../../../src/runtime/progress.ts"

const TOKEN = "a-token-of-enough-letters"
const stage: StageProgress = {
  stage: "relay",
  passes: 1,
  failedPasses: 0,
  failing: false,
  inHandMs: null,
  stuck: false,
}

function appWith(changed: Partial<HttpAppOptions> = {}) {
  const app = createHttpApp({
    token: null,
    allowedHosts: ["reconciler.example"],
    logger: silentLogger,
    stages: () => [stage],
    servers: { postgres: async () => undefined },
    withinMs: 50,
    metrics: async () => [
      {
        name: "caregrid_findings",
        help: "Findings.",
        type: "gauge",
        values: [{ labels: { finding: 'a "b"\n' }, value: 2 }],
      },
      { name: "caregrid_passes_total", help: "Passes.", type: "counter", values: [{ value: 3 }] },
    ],
    ...changed,
  })
  return async (path: string, headers: Readonly<Record<string, string>> = {}) => {
    const answer = await app.request(path, { headers: { host: "127.0.0.1:9464", ...headers } })
    return { status: answer.status, text: await answer.text(), headers: answer.headers }
  }
}

describe("what a service answers over HTTP", () => {
  it("metrics in Prometheus' text format, and nothing that may be kept", async () => {
    const { status, text, headers } = await appWith()("/metrics")
    expect(status).toBe(200)
    expect(headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(headers.get("cache-control")).toBe("no-store")
    expect(text).toContain("# TYPE caregrid_findings gauge\n")
    expect(text).toContain('caregrid_findings{finding="a \\"b\\"\\n"} 2\n')
    expect(text).toContain("# TYPE caregrid_passes_total counter\ncaregrid_passes_total 3\n")
  })

  it("livez: fine while passes end, also when they fail; not when one does not end", async () => {
    const failing = { ...stage, failing: true }
    expect(await appWith({ stages: () => [failing] })("/livez")).toMatchObject({ status: 200, text: "ok\n" })
    const stuck = { ...stage, stuck: true }
    expect(await appWith({ stages: () => [stuck] })("/livez")).toMatchObject({
      status: 503,
      text: "stuck: relay\n",
    })
  })

  it("readyz: not while a pass fails or a server is silent; names each when asked to", async () => {
    expect(await appWith()("/readyz")).toMatchObject({ status: 200, text: "ok\n" })
    const servers = {
      postgres: () => Promise.reject(new Error("password authentication failed")),
      kafka: () => new Promise(() => undefined),
    }
    const ask = appWith({ servers })
    expect(await ask("/readyz")).toMatchObject({ status: 503, text: "not ready\n" })
    expect((await ask("/readyz?verbose")).text).toBe("[-] postgres\n[-] kafka\n[+] relay\n")
    const failing = appWith({ stages: () => [{ ...stage, failing: true }] })
    expect((await failing("/readyz?verbose")).text).toBe("[+] postgres\n[-] relay\n")
  })

  it.each([
    "evil.example",
    "evil.example:9464",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "",
    "[::1",
  ])("refuses to be called %j", async host =>
    expect(await appWith()("/metrics", { host })).toMatchObject({ status: 421 }),
  )

  it.each(["localhost", "LOCALHOST:1", "10.0.0.7:9464", "[::1]:9464", "reconciler.example:9464"])(
    "answers to %j",
    async host => expect(await appWith()("/metrics", { host })).toMatchObject({ status: 200 }),
  )

  it("with a token, tells nobody without it more than yes or no", async () => {
    const ask = appWith({ token: () => TOKEN })
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
    for (const path of ["/livez", "/readyz"]) expect((await ask(path)).status).toBe(200)
    for (const path of ["/metrics", "/readyz?verbose", "/readyz?verbose=", "/none"]) {
      expect(await ask(path)).toMatchObject({ status: 401 })
      for (const wrong of [TOKEN.slice(1), `${TOKEN}x`, TOKEN.toUpperCase()]) {
        expect(await ask(path, bearer(wrong))).toMatchObject({ status: 401 })
      }
    }
    expect((await ask("/metrics", { authorization: TOKEN })).status).toBe(401)
    expect((await ask("/metrics", bearer(TOKEN))).status).toBe(200)
    expect((await ask("/readyz?verbose", bearer(TOKEN))).status).toBe(200)
  })

  it("takes a token that was changed, from the next request on", async () => {
    let token = TOKEN
    const ask = appWith({ token: () => token })
    token = "another-token-altogether"
    expect((await ask("/metrics", { authorization: `Bearer ${TOKEN}` })).status).toBe(401)
    expect((await ask("/metrics", { authorization: `Bearer ${token}` })).status).toBe(200)
  })

  it("says nothing of an error, and has no other pages", async () => {
    const metrics = () => Promise.reject(new Error("postgres://user:secret@db"))
    expect(await appWith({ metrics })("/metrics")).toMatchObject({ status: 500, text: "internal error\n" })
    expect(await appWith()("/none")).toMatchObject({ status: 404, text: "not found\n" })
  })
})
