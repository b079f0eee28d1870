/** Text up to this length is written faster here than by a call into native code. */
const SHORT_TEXT = 48
const MAX_VARINT_BYTES = 5

/** Bytes in one buffer that grows and is used again: a buffer for each value would cost more than what is in it. */
export interface ByteWriter {
  readonly position: number
  /** Forgets what was written; `bytes()` given before are overwritten. */
  clear(): void
  int8(value: number): void
  int16(value: number): void
  int32(value: number): void
  int64(value: bigint): void
  /** Zigzag varint of a 32-bit number, as in Kafka's records. */
  varint(value: number): void
  raw(bytes: Uint8Array): void
  /** UTF-8 with its length before it, as a varint. */
  text(value: string): void
  /** What `write` writes, with its length before it, as a varint. */
  sized(write: () => void): void
  /** Leaves room for 32 bits, to be filled in by `setInt32`. Gives its place. */
  reserveInt32(): number
  setInt32(at: number, value: number): void
  /** A view: true until `clear` or until more is written. */
  bytes(from?: number): Buffer
}

export function createByteWriter(initialBytes = 64 * 1024): ByteWriter {
  let buffer = Buffer.allocUnsafeSlow(initialBytes)
  let position = 0

  function ensure(more: number): void {
    if (position + more <= buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, position + more))
    buffer.copy(larger, 0, 0, position)
    buffer = larger
  }

  function varintAt(at: number, value: number): number {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0
    let next = at
    while (rest > 0x7f) {
      buffer[next++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    buffer[next++] = rest
    return next
  }

  /** False, with nothing kept, if it is not all ASCII. */
  function asciiAt(at: number, value: string): boolean {
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index)
      if (code > 0x7f) return false
      buffer[at + index] = code
    }
    return true
  }

  function text(value: string): void {
    ensure(MAX_VARINT_BYTES + value.length * 3)
    // As if it were ASCII, which it nearly always is; its length is then known before it is written.
    const start = varintAt(position, value.length)
    if (value.length <= SHORT_TEXT && asciiAt(start, value)) {
      position = start + value.length
      return
    }
    const written = buffer.write(value, start)
    if (written === value.length) {
      position = start + written
      return
    }
    position = varintAt(position, written)
    position += buffer.write(value, position)
  }

  function sized(write: () => void): void {
    ensure(MAX_VARINT_BYTES)
    const start = position
    // Two bytes are right for 64 to 8,191 of content; otherwise it is moved.
    position += 2
    write()
    const length = position - start - 2
    const lengthBytes = varintBytes(length)
    if (lengthBytes !== 2) {
      ensure(MAX_VARINT_BYTES)
      buffer.copyWithin(start + lengthBytes, start + 2, position)
    }
    varintAt(start, length)
    position = start + lengthBytes + length
  }

  return {
    get position() {
      return position
    },
    clear() {
      position = 0
    },
    int8(value) {
      ensure(1)
      position = buffer.writeInt8(value, position)
    },
    int16(value) {
      ensure(2)
      position = buffer.writeInt16BE(value, position)
    },
    int32(value) {
      ensure(4)
      position = buffer.writeInt32BE(value, position)
    },
    int64(value) {
      ensure(8)
      position = buffer.writeBigInt64BE(value, position)
    },
    varint(value) {
      ensure(MAX_VARINT_BYTES)
      position = varintAt(position, value)
    },
    raw(bytes) {
      ensure(bytes.length)
      buffer.set(bytes, position)
      position += bytes.length
    },
    text,
    sized,
    reserveInt32() {
      ensure(4)
      position += 4
      return position - 4
    },
    setInt32: (at, value) => void buffer.writeInt32BE(value, at),
    bytes: (from = 0) => buffer.subarray(from, position),
  }
}

function varintBytes(value: number): number {
  const zigzag = value * 2
  let bytes = 1
  for (let limit = 0x80; zigzag >= limit; limit *= 0x80) bytes += 1
  return bytes
}
