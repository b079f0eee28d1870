/**
 * Keeps Node's warnings on stderr, without one that kafkajs causes at every connection and that means nothing: it
 * schedules a check with a negative delay, which Node takes as "at once".
 */
export function showWarnings(stderr: NodeJS.WritableStream): void {
  process.removeAllListeners("warning")
  process.on("warning", warning => {
    if (warning.name !== "TimeoutNegativeWarning") stderr.write(`${warning.name}: ${warning.message}\n`)
  })
}
