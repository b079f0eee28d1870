import { createHash, randomUUID } from "node:crypto"
import type {
  AppRow,
  ChainOutcome,
  LoggedEvent,
  Observations,
} from "../../../src/demo/observe/observations.ts"
import { createRecorder, type RecordedOperation, type RunRecord } from "../../../src/demo/record.ts"
import type { OperationType } from "../../../src/domain/operation.ts"
import type { OperationKind } from "../../../src/domain/operations/index.ts"
import type { Outcome } from "../../../src/domain/outcome.ts"
import type { Subject } from "../../../src/domain/subject.ts"
import { encodeWord, operationTag } from "../../../src/domain/word.ts"

/** A small day as it must come out, written down by hand: one of each kind of traffic. Tests spoil a part of it. */

const START_MS = Date.UTC(2026, 2, 1, 9)
const EXPIRES_AT = START_MS / 1000 + 5
const ACTIVE = 1
const MANUAL = 2
const EXISTS = 4
const EXPIRE = 8

export interface Day {
  record: RunRecord
  observed: Mutable<Observations>
  operation(name: string): RecordedOperation
  subject(name: string): Subject
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

export function subjectNamed(name: string): Subject {
  return `0x${createHash("sha256").update(name).digest("hex")}`
}

interface Written {
  readonly name: string
  readonly registry: OperationType
  readonly kind: OperationKind
  readonly payload?: Record<string, unknown>
  readonly outcome?: Outcome
  /** On another operation's subject. */
  readonly on?: string
}

const automatic = { manual: false, expiresAt: EXPIRES_AT }

const written: readonly Written[] = [
  { name: "patient", registry: "patient", kind: "register-patient" },
  { name: "left", registry: "patient", kind: "register-patient" },
  { name: "leaving", on: "left", registry: "patient", kind: "deactivate-patient" },
  { name: "block", registry: "ip-block", kind: "block-ip", payload: automatic },
  { name: "renewed", registry: "ip-block", kind: "block-ip", payload: automatic },
  { name: "renewal", on: "renewed", registry: "ip-block", kind: "block-ip", payload: automatic },
  { name: "manual", registry: "ip-block", kind: "block-ip", payload: { manual: true } },
  { name: "lifted", registry: "ip-block", kind: "block-ip", payload: { manual: true } },
  { name: "lifting", on: "lifted", registry: "ip-block", kind: "unblock-ip" },
  {
    name: "too-long",
    registry: "ip-block",
    kind: "block-ip",
    payload: { manual: false, expiresAt: EXPIRES_AT + 400 * 86_400 },
    outcome: "Invalid",
  },
  { name: "contested", registry: "ip-block", kind: "block-ip", payload: automatic, outcome: "Superseded" },
  {
    name: "signature",
    registry: "attack-signature",
    kind: "add-attack-signature",
    payload: { severity: 4 },
  },
]

const flagsOf: Record<string, number> = {
  patient: EXISTS | ACTIVE,
  left: EXISTS | ACTIVE,
  leaving: EXISTS,
  block: EXISTS | ACTIVE,
  renewed: EXISTS | ACTIVE,
  renewal: EXISTS | ACTIVE,
  manual: EXISTS | ACTIVE | MANUAL,
  lifted: EXISTS | ACTIVE | MANUAL,
  lifting: EXISTS,
  "too-long": EXISTS | ACTIVE,
  contested: EXISTS | ACTIVE,
  signature: EXISTS | ACTIVE | (4 << 8),
}

export function perfectDay(): Day {
  const recorder = createRecorder()
  const operations = new Map<string, RecordedOperation>()
  const log: LoggedEvent[] = []
  const outcomes: ChainOutcome[] = []
  const words = new Map<string, bigint>()
  let position = BigInt(START_MS - Date.UTC(2024, 0, 1)) << 22n
  const event = (part: Omit<LoggedEvent, "position" | "eventId"> & Partial<LoggedEvent>) => {
    position += 1024n
    log.push({ eventId: randomUUID(), position, ...part })
    return log[log.length - 1] as LoggedEvent
  }
  const hash = (name: string) => `0x${createHash("sha256").update(`tx ${name}`).digest("hex")}`

  for (const { name, on, registry, kind, payload = {}, outcome = "Applied" } of written) {
    const subject = subjectNamed(on ?? name)
    const type = `${kind}.requested`
    const request = event({ type, subject, payload, occurredAtMs: START_MS + 100, causationId: null })
    const expected = ({ Applied: "confirmed", Invalid: "rejected", Superseded: "superseded" } as const)[
      outcome as "Applied"
    ]
    const operation = { ...request, registry, kind, expected }
    recorder.subject(subject, registry)
    recorder.appended(operation)
    operations.set(name, operation)
    const word = encodeWord({
      version: request.position,
      tag: operationTag(request.eventId),
      expirySeconds: typeof payload.expiresAt === "number" ? payload.expiresAt : 0,
      timeSeconds: START_MS / 1000,
      flags: flagsOf[name] ?? 0,
    })
    words.set(name, word)
    outcomes.push({ registry, subject, word, outcome, transactionHash: hash(name) })
    event({
      type: `${kind}.${expected}`,
      subject,
      payload: {},
      occurredAtMs: START_MS + 300,
      causationId: request.eventId,
    })
  }

  for (const name of ["block", "renewal"]) {
    const block = operations.get(name) as RecordedOperation
    const tag = operationTag(block.eventId).toString(16).padStart(16, "0")
    const expiry = event({
      type: "ip-block.expired",
      subject: block.subject,
      payload: { blockVersion: block.position.toString(), blockTag: tag, expiresAt: EXPIRES_AT },
      occurredAtMs: EXPIRES_AT * 1000 + 20,
      causationId: block.eventId,
    })
    const word = ((words.get(name) as bigint) & ~((1n << 48n) - 1n)) | BigInt(EXPIRE)
    outcomes.push({
      registry: "ip-block",
      subject: block.subject,
      word,
      outcome: "Applied",
      transactionHash: hash(`${name} expired`),
    })
    event({
      type: "expire-ip-block.confirmed",
      subject: block.subject,
      payload: {},
      occurredAtMs: EXPIRES_AT * 1000 + 200,
      causationId: expiry.eventId,
    })
  }

  const contested = operations.get("contested") as RecordedOperation
  const neighbourWord = encodeWord({
    version: contested.position + (2000n << 22n),
    tag: 5n,
    expirySeconds: EXPIRES_AT + 86_400,
    timeSeconds: START_MS / 1000,
    flags: EXISTS | ACTIVE,
  })
  recorder.neighbourBlocked({ subject: contested.subject, word: neighbourWord })
  outcomes.push({
    registry: "ip-block",
    subject: contested.subject,
    word: neighbourWord,
    outcome: "Applied",
    transactionHash: hash("neighbour"),
  })

  const broken = [
    { name: "broken", type: "rename-ip.requested", kind: null, payload: {} },
    {
      name: "unreadable",
      type: "block-ip.requested",
      kind: "block-ip",
      payload: { manual: false, expiresAt: "soon" },
    },
  ] as const
  for (const { name, type, kind, payload } of broken) {
    const subject = subjectNamed(name)
    const request = event({ type, subject, payload, occurredAtMs: START_MS, causationId: null })
    const operation = { ...request, registry: "ip-block", kind, expected: "dead-lettered" } as const
    recorder.subject(subject, "ip-block")
    recorder.appended(operation)
    operations.set(name, operation)
  }
  recorder.subject(subjectNamed("undone"), "patient")
  recorder.rolledBack("00000000-0000-4000-8000-000000000001", subjectNamed("undone"))
  recorder.subject(subjectNamed("refused"), "patient")
  recorder.refused()
  recorder.manualBlockStood()

  const row = (table: AppRow["table"], manual: boolean | null, confirmed?: string): AppRow => ({
    table,
    onChain: confirmed !== undefined,
    transactionHash: confirmed === undefined ? "" : hash(confirmed),
    manual,
  })
  const ended = (name: string) => (words.get(name) as bigint) & ~BigInt(ACTIVE)
  return {
    record: recorder.record(),
    operation: name => operations.get(name) as RecordedOperation,
    subject: subjectNamed,
    observed: {
      log,
      deadLetters: broken.map(({ name }) => ({
        eventId: (operations.get(name) as RecordedOperation).eventId,
        reason: "unreadable",
      })),
      chain: { outcomes, gasUsed: 120_000n },
      words: new Map<Subject, bigint>([
        [subjectNamed("patient"), words.get("patient") as bigint],
        [subjectNamed("left"), words.get("leaving") as bigint],
        [subjectNamed("block"), ended("block")],
        [subjectNamed("renewed"), ended("renewal")],
        [subjectNamed("manual"), words.get("manual") as bigint],
        [subjectNamed("lifted"), words.get("lifting") as bigint],
        [subjectNamed("too-long"), 0n],
        [subjectNamed("contested"), neighbourWord],
        [subjectNamed("signature"), words.get("signature") as bigint],
        [subjectNamed("broken"), 0n],
        [subjectNamed("unreadable"), 0n],
        [subjectNamed("undone"), 0n],
        [subjectNamed("refused"), 0n],
      ]),
      getters: [
        { getter: "isPatientRegistered", subject: subjectNamed("patient"), answer: true },
        { getter: "isPatientRegistered", subject: subjectNamed("left"), answer: false },
        { getter: "isIPBlocked", subject: subjectNamed("block"), answer: false },
        { getter: "isIPBlocked", subject: subjectNamed("manual"), answer: true },
        { getter: "isIPBlocked", subject: subjectNamed("contested"), answer: true },
      ],
      rows: new Map<Subject, AppRow>([
        [subjectNamed("patient"), row("core_patient", null, "patient")],
        [subjectNamed("left"), row("core_patient", null)],
        [subjectNamed("manual"), row("firewall_blockedip", true, "manual")],
        [subjectNamed("too-long"), row("firewall_blockedip", false)],
        [subjectNamed("signature"), row("firewall_attackpattern", null, "signature")],
      ]),
    },
  }
}
