/**
 * Calls `onGone` once when the launching process has died, even by kill -9: it cannot tell us then, and an orphaned
 * service would go on writing to the chain behind its operator's back. `parentPid` null: started by hand, not watched.
 */
export function watchParent(parentPid: number | null, onGone: () => void): void {
  if (parentPid === null) return
  const timer = setInterval(() => {
    if (process.ppid === parentPid) return
    clearInterval(timer)
    onGone()
  }, 250)
  timer.unref()
}
