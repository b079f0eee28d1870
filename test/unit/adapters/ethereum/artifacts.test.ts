import { expect, test } from "vitest"
import { readGenerated, renderArtifacts } from "../../../../contracts/generate-artifacts.ts"

test("the committed artifacts are what the compiler makes of the contracts now", async () => {
  const generated = await readGenerated()
  // Compared as a boolean: the texts are 100 kB, and their difference would say nothing. Run `npm run compile`.
  expect(generated === (await renderArtifacts())).toBe(true)
}, 60_000)
