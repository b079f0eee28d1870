import { createHash } from "node:crypto"
import { unlinkSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"

/**
 * Runs `action` while no other process of this user runs one under the same name; others wait for their turn.
 *
 * The lock is a socket that is listened on, so it goes with its holder however that dies: no lock file can be left
 * behind, and who waits is told by the closing connection. On Linux the socket has an abstract name and no file.
 *
 * @template T
 * @param {string} name what is locked, a path for instance
 * @param {() => Promise<T>} action
 * @param {() => void} [onWait] called once if another process holds the lock
 * @returns {Promise<T>}
 */
export async function withExclusive(name, action, onWait = () => {}) {
  const address = lockAddress(name)
  let lock = await tryLock(address)
  if (lock === undefined) onWait()
  while (lock === undefined) {
    await released(address)
    lock = await tryLock(address)
  }
  try {
    return await action()
  } finally {
    lock()
  }
}

function lockAddress(name) {
  const key = createHash("sha256").update(name).digest("hex").slice(0, 24)
  const socket = `caregrid-lock-${userInfo().uid}-${key}`
  return process.platform === "linux" ? `\0${socket}` : join(tmpdir(), `${socket}.sock`)
}

/** Resolves with the function that unlocks, or with undefined if somebody else holds the lock. */
function tryLock(address) {
  return new Promise((resolve, reject) => {
    const waiting = new Set()
    const server = createServer(socket => {
      waiting.add(socket)
      socket.on("error", () => {}).on("close", () => waiting.delete(socket))
    })
    server.once("error", error => (error.code === "EADDRINUSE" ? resolve(undefined) : reject(error)))
    server.listen(address, () =>
      resolve(() => {
        server.close()
        for (const socket of waiting) socket.destroy()
      }),
    )
  })
}

/** Resolves when the holder lets go: its end of the connection closes then, and also when it dies. */
function released(address) {
  return new Promise(resolve => {
    const socket = connect(address)
    socket.once("error", error => {
      // A socket file whose holder was killed, on systems that have no abstract names.
      if (error.code === "ECONNREFUSED" && !address.startsWith("\0")) unlinkSync(address)
    })
    socket.once("close", () => resolve())
    socket.resume()
  })
}
