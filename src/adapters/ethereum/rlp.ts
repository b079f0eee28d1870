/**
 * Recursive length prefix, as transactions are serialised in (Ethereum Yellow Paper, appendix B), over buffers. ethers
 * goes through hex text and arrays of numbers: 20 of the 36 ms that signing a batch of 256 took.
 */
export type RlpItem = Buffer | readonly RlpItem[]

const SHORT_TEXT = 0x80
const SHORT_LIST = 0xc0
/** Up to so many bytes the length stands in the first byte. */
const SHORT_BYTES = 55

export function encodeRlp(item: RlpItem): Buffer {
  if (!Buffer.isBuffer(item)) {
    const body = Buffer.concat(item.map(encodeRlp))
    return Buffer.concat([header(SHORT_LIST, body.length), body])
  }
  const [first = SHORT_TEXT] = item
  if (item.length === 1 && first < SHORT_TEXT) return item
  return Buffer.concat([header(SHORT_TEXT, item.length), item])
}

/** Null when the bytes are not exactly one list of the simplest items: byte strings and empty lists. */
export function decodeRlpList(bytes: Buffer): readonly Buffer[] | null {
  const list = readHeader(bytes, 0)
  if (!list?.isList || list.end !== bytes.length) return null
  const items: Buffer[] = []
  for (let at = list.begin; at < list.end; ) {
    const item = readHeader(bytes, at)
    if (!item || item.end > list.end) return null
    items.push(bytes.subarray(item.begin, item.end))
    at = item.end
  }
  return items
}

/** Big-endian without leading zeros; 0 is empty. */
export function integerBytes(value: bigint): Buffer {
  if (value === 0n) return Buffer.alloc(0)
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex")
}

export function integerFromBytes(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString("hex")}`)
}

function header(kind: number, length: number): Buffer {
  if (length <= SHORT_BYTES) return Buffer.from([kind + length])
  const digits = integerBytes(BigInt(length))
  return Buffer.concat([Buffer.from([kind + SHORT_BYTES + digits.length]), digits])
}

function readHeader(bytes: Buffer, at: number) {
  const first = bytes[at]
  if (first === undefined) return null
  if (first < SHORT_TEXT) return { isList: false, begin: at, end: at + 1 }
  const isList = first >= SHORT_LIST
  const size = first - (isList ? SHORT_LIST : SHORT_TEXT)
  const digits = Math.max(0, size - SHORT_BYTES)
  const begin = at + 1 + digits
  const length = digits === 0 ? size : Number(integerFromBytes(bytes.subarray(at + 1, begin)))
  return { isList, begin, end: begin + length }
}
