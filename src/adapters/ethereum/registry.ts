import { Contract, id, isError } from "ethers"
import type { Hex, Obstacle, Registry } from "../../chain-writer/ports.ts"
import type { OperationType } from "../../domain/operation.ts"
import type { ChainConnection } from "./provider.ts"
import { registryInterface } from "./registries.ts"

/** AccessControl's name of the role, as the contract computes it. */
export const WRITER_ROLE = id("WRITER_ROLE")

export function createRegistry(
  { provider }: Pick<ChainConnection, "provider">,
  type: OperationType,
  address: Hex,
): Registry {
  const contract = new Contract(address, registryInterface, provider)
  return {
    type,
    address,
    async obstacle(writer): Promise<Obstacle | null> {
      try {
        const [paused, mayWrite] = await Promise.all([
          contract.getFunction("paused")(),
          contract.getFunction("hasRole")(WRITER_ROLE, writer),
        ])
        if (paused) return "paused"
        return mayWrite ? null : "no-writer-role"
      } catch (error) {
        // An address without code answers nothing, other code nothing that can be decoded, or it reverts.
        if (isError(error, "BAD_DATA") || isError(error, "CALL_EXCEPTION")) return "no-contract"
        throw error
      }
    },
    async words(subjects) {
      const words: readonly bigint[] = await contract.getFunction("states")(subjects)
      return [...words]
    },
  }
}
