export interface LinkedSignal extends Disposable {
  readonly signal: AbortSignal
  abort(): void
}

/**
 * Aborts with `parent`, or alone; disposing takes its listener off the parent. AbortSignal.any cannot be let go of, so
 * in a loop over a signal that lives as long as the process it would pile up.
 */
export function linkedSignal(parent: AbortSignal): LinkedSignal {
  const own = new AbortController()
  const follow = () => own.abort(parent.reason)
  if (parent.aborted) follow()
  else parent.addEventListener("abort", follow, { once: true })
  return {
    signal: own.signal,
    abort: () => own.abort(),
    [Symbol.dispose]: () => parent.removeEventListener("abort", follow),
  }
}
