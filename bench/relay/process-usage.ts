import { readFileSync, writeFileSync } from "node:fs"

/** What a process has used since it started. Linux only: read from /proc. */
export interface Usage {
  readonly cpuSeconds: number
  readonly rssMegabytes: number
  /** Since the last `resetPeak`. */
  readonly peakRssMegabytes: number
}

/** USER_HZ, which Linux fixes at 100 for user space. */
const TICKS_A_SECOND = 100

export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  // The command name, field 2, may hold spaces and brackets: count from behind its last bracket.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  const megabytes = (name: string) =>
    Math.round(Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024)
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND,
    rssMegabytes: megabytes("VmRSS"),
    peakRssMegabytes: megabytes("VmHWM"),
  }
}

/** The peak begins anew at what is used now. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5")
}

export function loadAverage(): number {
  return Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0])
}
