import type { Random } from "../random.ts"
import type { Thing } from "./story.ts"

/** What a story is about. Only the app's tables ever hold it; the pipeline sees a pseudonym. */
export interface Patient {
  readonly thing: "patient"
  readonly name: string
  readonly dateOfBirth: string
  readonly gender: string
  readonly phone: string
  readonly email: string
  readonly address: string
}

export interface IpAddress {
  readonly thing: "ip-address"
  readonly ip: string
}

export interface AttackPattern {
  readonly thing: "attack-pattern"
  readonly data: { readonly path: string; readonly method: string; readonly parameter: string }
  readonly ipCount: number
  readonly requestCount: number
}

export type Identity = Patient | IpAddress | AttackPattern

const firstNames = [
  "Amina",
  "Bo",
  "Chidi",
  "Dana",
  "Emre",
  "Freya",
  "Goran",
  "Hana",
  "Ines",
  "Jonas",
] as const
const lastNames = ["Abbas", "Berg", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad"] as const
const streets = ["Mill Lane", "Station Road", "Harbour Street", "Church Walk", "Elm Row"] as const

/** The `number`th identity of its kind, different for each number. */
export function identityOf(thing: Thing, number: number, random: Random): Identity {
  switch (thing) {
    case "patient":
      return patient(number, random)
    case "ip-address":
      return { thing, ip: ipAddress(number) }
    case "attack-pattern":
      return attackPattern(number, random)
  }
}

function patient(number: number, random: Random): Patient {
  const first = random.pick(firstNames)
  const last = random.pick(lastNames)
  const twoDigits = (value: number) => String(value).padStart(2, "0")
  return {
    thing: "patient",
    name: `${first} ${last}`,
    dateOfBirth: `${1930 + random.below(90)}-${twoDigits(1 + random.below(12))}-${twoDigits(1 + random.below(28))}`,
    gender: random.pick(["female", "male", "other"]),
    phone: `+44 7700 900${String(random.below(1000)).padStart(3, "0")}`,
    email: `${first}.${last}.${number}@example.org`.toLowerCase(),
    address: `${1 + random.below(200)} ${random.pick(streets)}`,
  }
}

const BENCHMARK_RANGE = 2 ** 17

/** From the ranges kept for benchmarks and documentation (RFC 2544, RFC 3849); every fourth one is IPv6. */
function ipAddress(number: number): string {
  if (number % 4 === 3) return `2001:db8::${(number + 1).toString(16)}`
  // An odd multiplier visits every address of the range once.
  const scattered = (number * 40503) % BENCHMARK_RANGE
  return `198.${18 + (scattered >> 16)}.${(scattered >> 8) & 255}.${scattered & 255}`
}

function attackPattern(number: number, random: Random): AttackPattern {
  return {
    thing: "attack-pattern",
    data: {
      path: random.pick(["/login", "/api/patients", "/api/records", "/admin"]),
      method: random.pick(["GET", "POST"]),
      parameter: `probe-${number}`,
    },
    ipCount: 1 + random.below(40),
    requestCount: 10 + random.below(5000),
  }
}

/** The canonical spelling that the pseudonym is made from. */
export function identifierOf(identity: Identity): string {
  switch (identity.thing) {
    case "patient":
      return `${identity.name}\0${identity.dateOfBirth}\0${identity.email}`
    case "ip-address":
      return identity.ip
    case "attack-pattern":
      return JSON.stringify(identity.data)
  }
}
