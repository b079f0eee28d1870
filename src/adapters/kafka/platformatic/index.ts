import type { Clock } from "../../../runtime/clock.ts"
import type { KafkaClient } from "../client-port.ts"
import { createSessionSubscription } from "../session.ts"
import type { KafkaSettings } from "../settings.ts"
import { withAdmin } from "./admin.ts"
import { runSession } from "./consumer-session.ts"
import { createPublisher } from "./publisher.ts"

export function createPlatformaticClient(settings: KafkaSettings, clock: Clock): KafkaClient {
  return {
    publisher: () => createPublisher(settings, clock),
    subscription: tuning => createSessionSubscription(runSession, settings, clock, tuning),
    withAdmin: use => withAdmin(settings, clock, use),
  }
}
