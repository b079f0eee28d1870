import type { Infrastructure } from "./infrastructure/infrastructure.ts"

declare module "vitest" {
  /** What `inject("databaseUrl")` and the like give to a test of the integration project. */
  interface ProvidedContext extends Omit<Infrastructure, "stop"> {}
}
