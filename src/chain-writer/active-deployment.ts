import { ConfigurationError } from "../runtime/errors.ts"
import type { Contracts, Deployment, Deployments } from "./deployment-ports.ts"
import type { Registry } from "./ports.ts"

const SETTINGS = {
  patient: "PATIENT_REGISTRY_ADDRESS",
  "ip-block": "BLOCKED_IP_REGISTRY_ADDRESS",
  "attack-signature": "ATTACK_SIGNATURE_REGISTRY_ADDRESS",
} as const

const TYPES = ["patient", "ip-block", "attack-signature"] as const

/**
 * Throws ConfigurationError when this database writes to other contracts than those: what was written to them would be
 * missing there. The first contracts of a database are its contracts.
 */
export async function assertActive(
  deployments: Pick<Deployments, "adopt">,
  deployment: Deployment,
): Promise<void> {
  const active = await deployments.adopt(deployment)
  if (sameContracts(active.contracts, deployment.contracts)) return
  const wanted = TYPES.map(type => `${SETTINGS[type]}=${active.contracts[type]}`)
  throw new ConfigurationError(
    `This database's operations are on other contracts. Set:\n${wanted.join("\n")}\nor replace those: \`reconciler deploy --rebuild\`.`,
  )
}

/** The registry, which is none to write to any more once the branch writes to another one. */
export function whileActive(registry: Registry, deployments: Pick<Deployments, "current">): Registry {
  return {
    ...registry,
    async obstacle(writer) {
      const { active } = await deployments.current()
      const isReplaced = active !== null && active.contracts[registry.type] !== registry.address
      return isReplaced ? "contracts-replaced" : registry.obstacle(writer)
    },
  }
}

function sameContracts(one: Contracts, other: Contracts): boolean {
  return TYPES.every(type => one[type] === other[type])
}
