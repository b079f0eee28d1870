import type { ISql } from "postgres"

/** A pool or a transaction whose bigint columns come as bigint. */
export type AnySql = ISql<{ bigint: bigint }>
