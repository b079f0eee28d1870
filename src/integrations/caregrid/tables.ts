/** The app's tables that mirror the chain, and the columns by which the app shows it. */
export const CAREGRID_TABLES = {
  core_patient: { flag: "blockchain_registered", hash: "registration_tx_hash" },
  firewall_blockedip: { flag: "blockchain_synced", hash: "block_tx_hash" },
  firewall_attackpattern: { flag: "blockchain_synced", hash: "signature_tx_hash" },
} as const

export type CareGridTable = keyof typeof CAREGRID_TABLES

export const careGridTables = Object.keys(CAREGRID_TABLES) as readonly CareGridTable[]

/** A list as one text parameter, so that no type of the server need be known for it. */
export function jsonList(values: readonly unknown[]): string {
  return JSON.stringify(values, (_key, value) => (typeof value === "bigint" ? value.toString() : value))
}
