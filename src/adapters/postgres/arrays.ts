/**
 * Array types by oid, and how an element is read. The driver would ask each new connection for all there are, drops that
 * promise, and ends the process with an unhandled rejection when the server goes away meanwhile
 * (https://github.com/porsager/postgres/issues/1192): with it off, this is what it needs.
 */
const ELEMENT_OF: Readonly<Record<number, (text: string) => unknown>> = {
  1003: text => text, // name
  1005: Number, // int2
  1007: Number, // int4
  1009: text => text, // text
  1015: text => text, // varchar
  1016: BigInt, // int8
  2951: text => text, // uuid
}

/** Of the driver's own settings. */
interface Conversions {
  readonly parsers: Record<number, (literal: string) => unknown>
  readonly serializers: Record<number, (value: unknown) => unknown>
}

export function useArrays({ parsers, serializers }: Conversions): void {
  for (const [oid, read] of Object.entries(ELEMENT_OF)) {
    parsers[Number(oid)] = literal => readArray(literal, read)
    serializers[Number(oid)] = (value: unknown) => (Array.isArray(value) ? writeArray(value) : String(value))
  }
}

/** Of one dimension, as the server writes it: `{a,"b c",NULL}`. */
function readArray(literal: string, read: (text: string) => unknown): unknown[] {
  return [...literal.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/gs)].map(([, quoted, bare]) => {
    if (quoted !== undefined) return read(quoted.replace(/\\(.)/gs, "$1"))
    return bare === "NULL" ? null : read(bare ?? "")
  })
}

function writeArray(values: readonly unknown[]): string {
  const elements = values.map(value =>
    value === null ? "NULL" : `"${String(value).replace(/["\\]/g, match => `\\${match}`)}"`,
  )
  return `{${elements.join()}}`
}
