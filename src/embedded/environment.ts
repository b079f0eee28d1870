import { homedir } from "node:os"
import { delimiter, join } from "node:path"

/** The variables that say where this machine keeps its tools; none of them is a setting of the reconciler. */
export type ToolEnvironment = Readonly<Record<string, string | undefined>>

/** The machine's own environment: the default of every function here that takes one. */
export const machineEnvironment: ToolEnvironment = process.env

/** Directories to look for a program in, in the order of the PATH. */
export const searchPath = (environment: ToolEnvironment): string[] =>
  (environment.PATH ?? "").split(delimiter).filter(directory => directory !== "")

/** Where files that can be fetched again are kept, by the XDG base directory rules. */
export function cacheDirectory(environment: ToolEnvironment): string {
  const base = environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), ".cache")
  return join(base, "caregrid-reconciler")
}
