import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { generatedPages } from "../../docs/generate.ts"

it.each([...(await generatedPages())])("%s is what the code says (npm run docs)", (path, text) => {
  expect(readFileSync(join(import.meta.dirname, "../..", path), "utf8")).toBe(text)
})
