/** Where a process can die between two durable steps. Fault tests hit each at least once; production passes nothing. */
export const CRASH_POINTS = [
  "before-accept",
  "after-accept",
  "before-reserve",
  "after-reserve",
  "before-save-attempt",
  "after-save-attempt",
  "after-broadcast",
  "after-sent",
  "before-included",
  "after-included",
  "before-settle",
  "after-settle",
] as const

export type CrashPoint = (typeof CRASH_POINTS)[number]

export type CrashHook = (point: CrashPoint) => void | Promise<void>
