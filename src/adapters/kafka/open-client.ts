import type { Clock } from "../../runtime/clock.ts"
import type { KafkaClient } from "./client-port.ts"
import type { KafkaClientName, KafkaSettings } from "./settings.ts"

/** The chosen library only is loaded: each costs memory and start-up time. */
export async function openKafkaClient(
  name: KafkaClientName,
  settings: KafkaSettings,
  clock: Clock,
): Promise<KafkaClient> {
  switch (name) {
    case "kafkajs": {
      const { createKafkajsClient } = await import("./kafkajs/index.ts")
      return createKafkajsClient(settings, clock)
    }
    case "platformatic": {
      const { createPlatformaticClient } = await import("./platformatic/index.ts")
      return createPlatformaticClient(settings, clock)
    }
  }
}
