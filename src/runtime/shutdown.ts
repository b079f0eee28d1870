/** An ordered list of things to close; closed in reverse, each once, whatever the others do. */
export interface Shutdown {
  add(name: string, close: () => Promise<void> | void): void
  /** Rejects with an AggregateError naming what failed to close, after all were tried. */
  close(): Promise<void>
}

export function createShutdown(): Shutdown {
  const closers: { name: string; close: () => Promise<void> | void }[] = []
  return {
    add: (name, close) => void closers.push({ name, close }),
    async close() {
      const failures: Error[] = []
      for (let next = closers.pop(); next; next = closers.pop()) {
        try {
          await next.close()
        } catch (error) {
          failures.push(new Error(`could not close ${next.name}`, { cause: error }))
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, "shutdown was not clean")
    },
  }
}
