import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { ConsumerProgress, GroupEnd } from "../../src/outbox/archive-ports.ts"

export interface ConsumerProgressHarness {
  /** `ends` asks the broker and is none of this suite's business: here the ends are given. */
  readonly progress: Pick<ConsumerProgress, "behind">
  /** The group stores the offset of its next message, in a consumer's way. */
  store(end: GroupEnd): Promise<void>
  close(): Promise<void>
}

const end = (groupId: string, offset: bigint, partition = 0, topic = "t"): GroupEnd => ({
  groupId,
  topic,
  partition,
  offset,
})

/** The promises of the port ConsumerProgress about stored offsets, kept by every implementation. */
export function consumerProgressConformance(
  name: string,
  open: () => Promise<ConsumerProgressHarness>,
): void {
  describe(`consumer progress: ${name}`, () => {
    let harness: ConsumerProgressHarness
    beforeEach(async () => {
      harness = await open()
    })
    afterEach(() => harness.close())

    const behind = (...ends: readonly GroupEnd[]) => harness.progress.behind(ends)

    test("a group is behind until it stored the end itself", async () => {
      await harness.store(end("g", 6n))
      expect(await behind(end("g", 7n))).toEqual(["g"])
      await harness.store(end("g", 7n))
      expect(await behind(end("g", 7n))).toEqual([])
      await harness.store(end("g", 900n))
      expect(await behind(end("g", 7n))).toEqual([])
    })

    test("one partition or topic that it never stored is enough to be behind", async () => {
      await harness.store(end("g", 7n))
      expect(await behind(end("g", 7n), end("g", 1n, 1))).toEqual(["g"])
      expect(await behind(end("g", 7n), end("g", 1n, 0, "other"))).toEqual(["g"])
    })

    test("a group that never stored anything is not in use, and holds nobody up", async () => {
      await harness.store(end("g", 7n))
      expect(await behind(end("g", 7n), end("not-in-use", 7n))).toEqual([])
    })

    test("names each group once, and only those that lag", async () => {
      for (const group of ["b", "a", "c"]) await harness.store(end(group, 7n))
      const ends = [end("b", 8n), end("b", 8n, 1), end("a", 8n), end("c", 7n)]
      expect(await behind(...ends)).toEqual(["a", "b"])
    })

    test("without ends nobody is behind", async () => {
      await harness.store(end("g", 7n))
      expect(await behind()).toEqual([])
    })

    test("keeps apart offsets that JavaScript numbers cannot", async () => {
      const large = 2n ** 53n
      await harness.store(end("g", large))
      expect(await behind(end("g", large))).toEqual([])
      expect(await behind(end("g", large + 1n))).toEqual(["g"])
    })
  })
}
