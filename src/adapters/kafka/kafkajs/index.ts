import type { Clock } from "../../../runtime/clock.ts"
import type { KafkaClient } from "../client-port.ts"
import { createSessionSubscription } from "../session.ts"
import type { KafkaSettings } from "../settings.ts"
import { toKafkaAdmin, withAdmin } from "./admin.ts"
import { runSession } from "./consumer-session.ts"
import { createKafkaPublisher } from "./publisher.ts"

export function createKafkajsClient(settings: KafkaSettings, clock: Clock): KafkaClient {
  return {
    publisher: () => createKafkaPublisher(settings),
    subscription: tuning => createSessionSubscription(runSession, settings, clock, tuning),
    withAdmin: use => withAdmin(settings, admin => use(toKafkaAdmin(admin))),
  }
}
