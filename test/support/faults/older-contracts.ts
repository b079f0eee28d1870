import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"

const require = createRequire(import.meta.url)
const root = fileURLToPath(new URL("../../../", import.meta.url))
const SOURCE = "contracts/src/PatientRegistry.sol"

interface Compiler {
  compile(input: string, callbacks: { import(path: string): { contents: string } }): string
}

interface Output {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[]
  readonly contracts?: Record<
    string,
    Record<string, { readonly evm: { readonly bytecode: { readonly object: string } } }>
  >
}

/** PatientRegistry's creation code for nodes that do not know the newest instructions (Berlin, 2021). */
export function olderPatientRegistry(): string {
  const compiler: Compiler = require("solc")
  const read = (path: string) =>
    readFileSync(path.startsWith("@") ? require.resolve(path) : `${root}${path}`, "utf8")
  const input = {
    language: "Solidity",
    sources: { [SOURCE]: { content: read(SOURCE) } },
    settings: {
      optimizer: { enabled: true, runs: 200 },
      evmVersion: "berlin",
      outputSelection: { "*": { PatientRegistry: ["evm.bytecode.object"] } },
    },
  }
  const callbacks = { import: (path: string) => ({ contents: read(path) }) }
  const output: Output = JSON.parse(compiler.compile(JSON.stringify(input), callbacks))
  const code = output.contracts?.[SOURCE]?.PatientRegistry?.evm.bytecode.object
  if (!code) throw new Error(output.errors?.map(({ formattedMessage }) => formattedMessage).join("\n"))
  return `0x${code}`
}
