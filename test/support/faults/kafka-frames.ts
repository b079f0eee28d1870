/** Kafka's protocol as far as the proxy needs it: frames of a 4-byte length, api keys, correlation ids. */
export const API = { produce: 0, metadata: 3, findCoordinator: 10, describeCluster: 60 } as const

/** Gives whole frames, length included, however the bytes arrive. */
export function createFrameSplitter(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return chunk => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= 4) {
      const length = 4 + rest.readInt32BE(0)
      if (rest.length < length) return
      onFrame(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  }
}

export interface RequestHead {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
}

export function requestHead(frame: Buffer): RequestHead {
  return {
    apiKey: frame.readInt16BE(4),
    apiVersion: frame.readInt16BE(6),
    correlationId: frame.readInt32BE(8),
  }
}

export const responseCorrelationId = (frame: Buffer): number => frame.readInt32BE(4)

/**
 * Puts another port behind every mention of `host:port`, in place: a Metadata or FindCoordinator answer has the host as a
 * string and the port in the four bytes after it, in every version.
 */
export function readdress(frame: Buffer, host: string, port: number, otherPort: number): Buffer {
  const sought = Buffer.alloc(host.length + 4)
  sought.write(host, "latin1")
  sought.writeInt32BE(port, host.length)
  const changed = Buffer.from(frame)
  for (let at = changed.indexOf(sought); at >= 0; at = changed.indexOf(sought, at + 1)) {
    changed.writeInt32BE(otherPort, at + host.length)
  }
  return changed
}

const FIRST_FLEXIBLE_PRODUCE = 9

/** A Produce answer with an error for its first partition, whatever the broker did. */
export function withProduceError(frame: Buffer, apiVersion: number, errorCode: number): Buffer {
  const changed = Buffer.from(frame)
  // After length and correlation id: topics [name, partitions [index, error code, base offset …]].
  const errorAt =
    apiVersion >= FIRST_FLEXIBLE_PRODUCE
      ? 8 + 1 + 1 + 1 + (changed.readUInt8(10) - 1) + 1 + 4
      : 8 + 4 + 2 + changed.readInt16BE(12) + 4 + 4
  changed.writeInt16BE(errorCode, errorAt)
  changed.writeBigInt64BE(-1n, errorAt + 2)
  return changed
}
