import type { KafkaSettings } from "./adapters/kafka/settings.ts"
import type { Config } from "./config.ts"
import type { Logger } from "./runtime/logger.ts"
import { secretFromFile, trustedCertificates } from "./runtime/trusted-file.ts"

/** How Kafka is reached, with its certificates and password as the files have them. Throws ConfigurationError. */
export function kafkaSettings(
  { kafkaSslCaFile, kafkaSasl }: Pick<Config, "kafkaSslCaFile" | "kafkaSasl">,
  brokers: readonly string[],
  clientId: string,
  logger: Logger,
): KafkaSettings {
  return {
    brokers,
    clientId,
    logger,
    ...(kafkaSslCaFile !== null && {
      tls: { ca: trustedCertificates("KAFKA_SSL_CA_FILE", kafkaSslCaFile) },
    }),
    ...(kafkaSasl && {
      sasl: {
        mechanism: kafkaSasl.mechanism,
        username: kafkaSasl.username,
        password: secretFromFile("KAFKA_SASL_PASSWORD_FILE", kafkaSasl.passwordFile),
      },
    }),
  }
}
