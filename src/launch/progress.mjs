const everyMs = { terminal: 1_000, log: 15_000 }

/** Shows on stderr that something goes on and for how long: one living line on a terminal, a line now and then in a log. */
export function startProgress(what) {
  const begun = Date.now()
  const seconds = () => Math.round((Date.now() - begun) / 1_000)
  const onTerminal = process.stderr.isTTY === true
  const show = () =>
    process.stderr.write(onTerminal ? `\r${what}: ${seconds()} s ` : `${what}: ${seconds()} s\n`)
  show()
  const timer = setInterval(show, onTerminal ? everyMs.terminal : everyMs.log)
  const stop = () => {
    clearInterval(timer)
    if (onTerminal) process.stderr.write("\r\u001b[K")
  }
  return { seconds, stop }
}
