/**
 * A process that starts embedded services and holds them until it is killed: what the tests kill.
 * Arguments: the services, comma-separated, and a JSON object of further options. Prints one JSON object a line.
 */
import {
  EmbeddedError,
  type EmbeddedOptions,
  type ServiceName,
  startEmbedded,
} from "../../src/embedded/index.ts"

const [names = "", options = "{}"] = process.argv.slice(2)
const print = (value: object): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

try {
  const services = await startEmbedded({
    services: new Set(names.split(",") as ServiceName[]),
    onLost: lost => print({ lost }),
    ...(JSON.parse(options) as Partial<EmbeddedOptions>),
  })
  print({ services })
  setInterval(() => undefined, 60_000)
} catch (error) {
  if (!(error instanceof EmbeddedError)) throw error
  print({ error: error.message })
  process.exitCode = error.exitCode
}
