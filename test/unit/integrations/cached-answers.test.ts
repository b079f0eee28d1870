import { describe, expect, it } from "vitest"
import { operationKinds } from "../../../src/domain/operations/index.ts"
import { CACHED_ANSWER_PATTERNS, cachedAnswers } from "../../../src/integrations/caregrid/cached-answers.ts"
import { anySubject } from "../../support/event-builders.ts"

const subject = anySubject()
const bare = subject.slice(2)
const keysOf = (type: string) => cachedAnswers({ type, subject })

describe("the app's cached answers", () => {
  it("are those about a block, however its hash is written", () => {
    const keys = [
      `ip_blocked:${subject}`,
      `ip_block_info:${subject}`,
      `ip_blocked:${bare}`,
      `ip_block_info:${bare}`,
    ]
    for (const type of ["block-ip.confirmed", "unblock-ip.confirmed", "expire-ip-block.confirmed"]) {
      expect([...keysOf(type)].sort()).toEqual([...keys].sort())
    }
  })

  it("are those about a patient, however its hash is written", () => {
    expect([...keysOf("register-patient.confirmed")].sort()).toEqual(
      [subject, bare].flatMap(hash => [`patient_info:${hash}`, `patient_registered:${hash}`]).sort(),
    )
  })

  it("are all lists of signatures after any signature", () => {
    const keys = keysOf("add-attack-signature.confirmed")
    expect(keys).toContain("attack_signatures:all")
    expect(keys).toContain("attack_signatures:severity_1")
    expect(keys).toContain("attack_signatures:severity_10")
  })

  it("are old after a result that lost against another branch, too", () => {
    expect(keysOf("block-ip.superseded")).toEqual(keysOf("block-ip.confirmed"))
  })

  it("stay after a request and after a removal: the chain has not changed", () => {
    expect([...keysOf("block-ip.requested"), ...keysOf("ip-block.removed"), ...keysOf("unheard-of")]).toEqual(
      [],
    )
  })

  it("are known for every operation, and by a pattern that clears all", () => {
    const keys = operationKinds.flatMap(kind => keysOf(`${kind}.confirmed`))
    expect(keys.length).toBeGreaterThan(0)
    const prefixes = CACHED_ANSWER_PATTERNS.map(pattern => pattern.replace("*", ""))
    expect(keys.filter(key => !prefixes.some(prefix => key.startsWith(prefix)))).toEqual([])
  })
})
