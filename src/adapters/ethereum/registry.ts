import { Contract, id, isError } from "ethers"
import type { Hex, Obstacle, Registry } from "../../chain-writer/ports.ts"
import type { OperationType } from "../../domain/operation.ts"
import { type Clock, systemClock } from "../../runtime/clock.ts"
import { ofThePast } from "./past-state.ts"
import type { ChainConnection } from "./provider.ts"
import { artifacts, registryInterface } from "./registries.ts"

/** AccessControl's name of the role, as the contract computes it. */
export const WRITER_ROLE = id("WRITER_ROLE")

/** The code at the address is compared so often: a proxy, or another node, may show another one while we run. */
const CODE_RECHECK_MS = 30_000

export function createRegistry(
  { provider }: Pick<ChainConnection, "provider">,
  type: OperationType,
  address: Hex,
  clock: Pick<Clock, "nowMs"> = systemClock,
): Registry {
  let codeSoundAtMs = Number.NEGATIVE_INFINITY

  async function hasOurCode(): Promise<boolean> {
    if (clock.nowMs() - codeSoundAtMs < CODE_RECHECK_MS) return true
    const sound = (await provider.getCode(address)) === artifacts[type].deployedBytecode
    if (sound) codeSoundAtMs = clock.nowMs()
    return sound
  }

  const contract = new Contract(address, registryInterface, provider)
  return {
    type,
    address,
    async obstacle(writer): Promise<Obstacle | null> {
      try {
        if (!(await hasOurCode())) return "no-contract"
        const [paused, mayWrite] = await Promise.all([
          contract.getFunction("paused")(),
          contract.getFunction("hasRole")(WRITER_ROLE, writer),
        ])
        if (paused) return "paused"
        return mayWrite ? null : "no-writer-role"
      } catch (error) {
        // An address without code answers nothing, other code nothing that can be decoded, or it reverts.
        codeSoundAtMs = Number.NEGATIVE_INFINITY
        if (isError(error, "BAD_DATA") || isError(error, "CALL_EXCEPTION")) return "no-contract"
        throw error
      }
    },
    async words(subjects) {
      const words: readonly bigint[] = await contract.getFunction("states")(subjects)
      return [...words]
    },
    wordsAt: (subjects, blockTag) =>
      ofThePast<bigint[]>(contract.getFunction("states")(subjects, { blockTag })).then(
        words => words && [...words],
      ),
    head: (writer, blockTag) => ofThePast<Hex>(contract.getFunction("head")(writer, { blockTag })),
  }
}
