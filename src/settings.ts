import { appSettings } from "./settings/app.ts"
import { chainSettings } from "./settings/chain.ts"
import type { Entry, Setting } from "./settings/entry.ts"
import { httpSettings } from "./settings/http.ts"
import { kafkaSettings } from "./settings/kafka.ts"
import { logSettings } from "./settings/log.ts"
import { serverSettings } from "./settings/servers.ts"

export { KAFKA_CLIENTS, type KafkaClientName } from "./adapters/kafka/settings.ts"
export type { Setting } from "./settings/entry.ts"
export * from "./settings/names.ts"

/** Every setting there is; `.env.example` and docs/configuration.md are made from this (npm run docs). */
export const settings = {
  ...serverSettings,
  ...chainSettings,
  ...kafkaSettings,
  ...appSettings,
  ...logSettings,
  ...httpSettings,
} satisfies Record<string, Entry<unknown>>

export const settingList: readonly Setting[] = Object.entries(settings).map(([name, setting]) => ({
  name,
  unit: setting.unit,
  fallback: "fallback" in setting ? setting.fallback : "",
  about: setting.about,
}))
