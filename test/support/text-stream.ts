import { Writable } from "node:stream"

/** A stream that keeps what was written, and is a terminal if told so. */
export function textStream(options: { readonly isTTY?: boolean } = {}) {
  const written: string[] = []
  const writable = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      done()
    },
  })
  return {
    stream: Object.assign(writable, { isTTY: options.isTTY ?? false }),
    written,
    text: () => written.join(""),
  }
}
