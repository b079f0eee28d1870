import { fileURLToPath } from "node:url"

/** The checkout, with a slash at its end. */
export const root = fileURLToPath(new URL("../..", import.meta.url))

/** The major version all of the project but this launcher is written for. */
export const neededNode = 24

export const runsNeededNode = Number(process.versions.node.split(".")[0]) >= neededNode
