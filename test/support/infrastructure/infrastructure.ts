/** Servers that a whole test run shares. A test file makes its own database and topic prefix in them. */
export interface Infrastructure {
  /** The superuser's connection string, to the database `postgres`: for making and dropping databases. */
  databaseUrl: string
  kafkaBrokers: string[]
  blockchainProviderUrl: string
  stop(): Promise<void>
}
