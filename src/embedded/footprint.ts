import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"

/**
 * What embedded infrastructure occupies: a temporary directory, and in it a record of its processes.
 * The record lets anybody clear up after a guardian that was killed, without ending a process that is not ours.
 */
export interface Footprint {
  directory: string
  /** Aborted when the services have to go: no process is started from then on. */
  signal: AbortSignal
  /** Records a process before anything can go wrong with it. */
  add(pid: number, role: ProcessRole): void
  /** As `clearUp`, and from memory: somebody may have deleted the directory under the services. */
  clear(): Promise<void>
}

export type ProcessRole = "guardian" | "postgres" | "group"

/** A process is known by its id and its start time in clock ticks: ids are used again, pairs are not. */
interface RecordedProcess {
  pid: number
  startTicks: string
  role: ProcessRole
}

interface FootprintRecord {
  /** Process ids mean nothing outside their namespace: a container may share the temporary directory. */
  pidNamespace: string
  processes: RecordedProcess[]
}

const prefix = "caregrid-embedded-"
const recordName = "processes.json"
const graceMs = 3_000
const pollMs = 20

/** Makes a temporary directory that carries the guardian's process id in its name. */
export function createFootprint(signal: AbortSignal): Footprint {
  const directory = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`))
  // The account that PostgreSQL runs as has to pass through, not to look around.
  chmodSync(directory, 0o711)
  const record: FootprintRecord = { pidNamespace: pidNamespace(), processes: [] }
  const add = (pid: number, role: ProcessRole): void => {
    const startTicks = startTicksOf(pid)
    if (startTicks === undefined) return
    record.processes.push({ pid, startTicks, role })
    const path = join(directory, recordName)
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }
  add(process.pid, "guardian")
  const clear = (): Promise<void> => endAll(directory, record.processes)
  return { directory, signal, add, clear }
}

/** The directories that the guardian with this process id made. */
export function footprintsOf(guardianPid: number): string[] {
  return readdirSync(tmpdir())
    .filter(name => name.startsWith(`${prefix}${guardianPid}-`))
    .map(name => join(tmpdir(), name))
}

/** Directories of this user whose guardian is dead: it was killed together with its parent. */
export function abandonedFootprints(): string[] {
  return readdirSync(tmpdir())
    .filter(name => name.startsWith(prefix))
    .map(name => join(tmpdir(), name))
    .filter(isAbandoned)
}

/** Ends every recorded process but the caller and deletes the directory. Safe to call twice, and by several at once. */
export function clearUp(directory: string): Promise<void> {
  return endAll(directory, readRecord(directory)?.processes ?? [])
}

async function endAll(directory: string, recorded: readonly RecordedProcess[]): Promise<void> {
  const processes = recorded.filter(({ pid }) => pid !== process.pid)
  for (const one of processes) end(one, one.role === "postgres" ? "SIGQUIT" : "SIGTERM")
  if (!(await allGone(processes, graceMs))) {
    for (const one of processes) end(one, "SIGKILL")
    await allGone(processes, graceMs)
  }
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}

function isAbandoned(directory: string): boolean {
  try {
    if (statSync(directory).uid !== process.getuid?.()) return false
  } catch {
    return false
  }
  const record = readRecord(directory)
  if (record === undefined || record.pidNamespace !== pidNamespace()) return false
  return !record.processes.some(one => one.role === "guardian" && isAlive(one))
}

function readRecord(directory: string): FootprintRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, recordName), "utf8"))
  } catch {
    return undefined
  }
}

/** SIGQUIT is PostgreSQL's immediate shutdown. Groups are ended whole: Maven and Hardhat may have children. */
function end(one: RecordedProcess, signal: NodeJS.Signals): void {
  if (!isAlive(one)) return
  try {
    process.kill(one.role === "group" ? -one.pid : one.pid, signal)
  } catch {
    // It ended by itself between the look and the signal.
  }
}

async function allGone(processes: readonly RecordedProcess[], withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs
  while (processes.some(isAlive)) {
    if (performance.now() > deadline) return false
    await pause(pollMs)
  }
  return true
}

const isAlive = ({ pid, startTicks }: RecordedProcess): boolean => startTicksOf(pid) === startTicks

/** Field 22 of /proc/<pid>/stat; undefined for a process that is gone or waits to be reaped. */
function startTicksOf(pid: number): string | undefined {
  try {
    // The command name, field 2, may hold spaces and brackets: count from behind its last bracket.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return fields[0] === "Z" ? undefined : fields[19]
  } catch {
    return undefined
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid")
  } catch {
    return "unknown"
  }
}
