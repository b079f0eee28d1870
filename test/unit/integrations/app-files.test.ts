import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { FunctionFragment, Interface, isAddress } from "ethers"
import { afterEach, beforeEach, expect, it } from "vitest"
import { getAppContracts } from "../../../src/adapters/ethereum/app-contracts.ts"
import { isAppDirectory, writeAppFiles } from "../../../src/integrations/caregrid/app-files.ts"

/** With letters whose case is the checksum. */
const addresses = (digit: string) =>
  ({
    patient: `0x${"ab".repeat(19)}0${digit}`,
    "ip-block": `0x${"cd".repeat(19)}0${digit}`,
    "attack-signature": `0x${"ef".repeat(19)}0${digit}`,
  }) as const

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "app-"))
})
afterEach(() => rm(directory, { recursive: true }))

const read = async (path: string) => JSON.parse(await readFile(join(directory, path), "utf8"))

it("knows the app's directory by its manage.py", async () => {
  expect(await isAppDirectory(directory)).toBe(false)
  await writeFile(join(directory, "manage.py"), "")
  expect(await isAppDirectory(directory)).toBe(true)
})

it("writes an ABI with the getters that the app calls, where it loads them", async () => {
  await writeAppFiles(directory, getAppContracts(addresses("1")))
  const artifacts = "caregrid_chain/artifacts/contracts"
  const calls = {
    [`${artifacts}/PatientRegistry.sol/PatientRegistry.json`]: [
      "function isPatientRegistered(bytes32) view returns (bool)",
    ],
    [`${artifacts}/BlockedIP.sol/BlockedIPRegistry.json`]: [
      "function isIPBlocked(bytes32) view returns (bool)",
    ],
    [`${artifacts}/AttackSignatureRegistry.sol/AttackSignatureRegistry.json`]: [
      "function getAllSignatures() view returns (bytes32[])",
      "function getSignature(bytes32) view returns (tuple(bytes32, string, uint256, address, uint256))",
      "function getSignaturesBySeverity(uint256) view returns (bytes32[])",
      "function hasSignature(bytes32) view returns (bool)",
      "function getSignatureCount() view returns (uint256)",
    ],
  }
  for (const [path, signatures] of Object.entries(calls)) {
    const ours = new Interface((await read(path)).abi)
    for (const signature of signatures) {
      const wanted = FunctionFragment.from(signature)
      const found = ours.getFunction(wanted.format("sighash"))
      expect(found?.format("sighash")).toBe(wanted.format("sighash"))
      expect(outputsOf(found)).toEqual(outputsOf(wanted))
    }
  }
})

it("writes addresses with their checksum: web3.py takes no others", async () => {
  await writeAppFiles(directory, getAppContracts(addresses("1")))
  const written: Record<string, string> = await read("caregrid_chain/deployments/all-contracts.json")
  expect(Object.keys(written).sort()).toEqual([
    "AttackSignatureRegistry",
    "BlockedIPRegistry",
    "PatientRegistry",
  ])
  for (const address of Object.values(written)) {
    expect(isAddress(address)).toBe(true)
    expect(address).not.toBe(address.toLowerCase())
  }
})

it("keeps what was there before the first time, and leaves nothing half-written", async () => {
  await writeAppFiles(directory, getAppContracts(addresses("1")))
  const path = "caregrid_chain/deployments/all-contracts.json"
  await writeFile(join(directory, path), '{"PatientRegistry":"the old one"}')
  await rm(join(directory, `${path}.before-reconciler`), { force: true })
  await writeAppFiles(directory, getAppContracts(addresses("2")))
  await writeAppFiles(directory, getAppContracts(addresses("3")))
  expect(await read(`${path}.before-reconciler`)).toEqual({ PatientRegistry: "the old one" })
  expect((await read(path)).PatientRegistry.toLowerCase()).toBe(addresses("3").patient)
  const all = await readdir(directory, { recursive: true })
  expect(all.filter(name => name.endsWith(".partial"))).toEqual([])
})

function outputsOf(found: FunctionFragment | null): readonly string[] {
  return (found?.outputs ?? []).map(output => output.format("sighash"))
}
