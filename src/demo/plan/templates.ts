import { BROKEN_FAULTS, operationsOf, REFUSED_FAULTS, type Step, type StoryTemplate } from "./story.ts"

const register: Step = { act: { name: "register-patient" } }
const deactivate: Step = { act: { name: "deactivate-patient" } }
const block: Step = { act: { name: "block" } }
const blockManually: Step = { act: { name: "block-manually" } }
const blockOverManual: Step = { act: { name: "block-over-manual" } }
const unblock: Step = { act: { name: "unblock" } }
const signature = (severity: number): Step => ({ act: { name: "add-signature", severity } })
const rolledBack = (step: Step): Step => ({ ...step, rollBack: true })

/** Every kind of story. Each is in every plan at least once, so that no run leaves a rule untried. */
export const templates: readonly StoryTemplate[] = [
  { name: "patient", thing: "patient", steps: [register], weight: 380 },
  { name: "patient leaves", thing: "patient", steps: [register, deactivate], weight: 40 },
  { name: "block", thing: "ip-address", steps: [block], weight: 150 },
  { name: "block renewed", thing: "ip-address", steps: [block, block], weight: 40 },
  { name: "block renewed twice", thing: "ip-address", steps: [block, block, block], weight: 10 },
  { name: "block lifted", thing: "ip-address", steps: [block, unblock], weight: 40 },
  { name: "block made manual", thing: "ip-address", steps: [block, blockManually], weight: 15 },
  { name: "manual block", thing: "ip-address", steps: [blockManually], weight: 30 },
  { name: "manual block stands", thing: "ip-address", steps: [blockManually, blockOverManual], weight: 20 },
  { name: "manual block lifted", thing: "ip-address", steps: [blockManually, unblock], weight: 20 },
  {
    name: "blocked again",
    thing: "ip-address",
    steps: [blockManually, blockOverManual, unblock, block],
    weight: 10,
  },
  { name: "signature", thing: "attack-pattern", steps: [signature(4)], weight: 70 },
  { name: "signature raised", thing: "attack-pattern", steps: [signature(3), signature(9)], weight: 20 },
  { name: "registration undone", thing: "patient", steps: [rolledBack(register)], weight: 15 },
  { name: "renewal undone", thing: "ip-address", steps: [block, rolledBack(block)], weight: 10 },
  { name: "unblock undone", thing: "ip-address", steps: [blockManually, rolledBack(unblock)], weight: 5 },
  {
    name: "block for too long",
    thing: "ip-address",
    steps: [{ act: { name: "block-too-long" } }],
    weight: 10,
  },
  {
    name: "block contested",
    thing: "ip-address",
    steps: [{ act: { name: "block-contested" } }],
    weight: 5,
    // Each holds a transaction open until the neighbour's is mined, and the relay waits for it meanwhile.
    most: 6,
  },
  ...REFUSED_FAULTS.map(
    (fault): StoryTemplate => ({
      name: `refused: ${fault}`,
      thing: fault === "severity-out-of-range" ? "attack-pattern" : thingOf(fault),
      steps: [{ act: { name: "refused", fault } }],
      weight: 5,
    }),
  ),
  ...BROKEN_FAULTS.map(
    (fault): StoryTemplate => ({
      name: `broken: ${fault}`,
      thing: "ip-address",
      steps: [{ act: { name: "broken", fault } }],
      weight: 4,
    }),
  ),
]

function thingOf(fault: (typeof REFUSED_FAULTS)[number]): StoryTemplate["thing"] {
  return fault === "subject-too-short" || fault === "name-in-payload" ? "patient" : "ip-address"
}

/** Below this a plan cannot hold each kind of story once. */
export const FEWEST_OPERATIONS = templates.reduce((sum, { steps }) => sum + operationsOf(steps), 0)
