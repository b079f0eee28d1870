import type {
  Contracts,
  Deployment,
  Deployments,
  Rebuild,
  RebuildPlan,
  RebuildRecord,
} from "../../../src/chain-writer/deployment-ports.ts"
import type { Hex } from "../../../src/chain-writer/ports.ts"
import type { Subject } from "../../../src/domain/subject.ts"
import type { SubjectState } from "../../../src/domain/subject-state.ts"

interface Row {
  readonly id: bigint
  readonly genesisHash: Hex
  contracts: Contracts | null
  state: "rebuilding" | "active" | "retired" | "abandoned"
  planned: boolean
  rounds: number
  readonly subjects: Map<Subject, SubjectState>
  /** By round and subject. */
  readonly asked: Map<string, RebuildRecord>
}

/** The twins of Deployments and RebuildPlan, with what the lanes ask of them. */
export function createInMemoryDeployments() {
  const rows: Row[] = []
  /** Which chain each lane is on. */
  const lanes = new Map<Hex, Hex>()
  const inState = (state: Row["state"]) => rows.find(row => row.state === state)

  function rebuilding(id: bigint): Row {
    const row = rows.find(each => each.id === id)
    if (row?.state !== "rebuilding") throw new Error(`deployment ${id} is not being rebuilt`)
    return row
  }

  function abandon(row: Row): void {
    row.state = "abandoned"
    row.subjects.clear()
  }

  function add(genesisHash: Hex, contracts: Contracts | null, state: Row["state"]): Row {
    const row: Row = {
      id: BigInt(rows.length + 1),
      genesisHash,
      contracts,
      state,
      planned: false,
      rounds: 0,
      subjects: new Map(),
      asked: new Map(),
    }
    rows.push(row)
    return row
  }

  function toRebuild({ id, genesisHash, contracts, planned, rounds }: Row): Rebuild {
    return { id, genesisHash, contracts, planned, rounds }
  }

  function active(): Deployment | null {
    const row = inState("active")
    return row?.contracts ? { genesisHash: row.genesisHash, contracts: row.contracts } : null
  }

  const deployments: Deployments = {
    async current() {
      const rebuild = inState("rebuilding")
      return { active: active(), rebuild: rebuild ? toRebuild(rebuild) : null }
    },
    async adopt({ genesisHash, contracts }) {
      const known = active()
      if (!known) add(genesisHash, contracts, "active")
      return known ?? { genesisHash, contracts }
    },
    async begin({ genesisHash, leaveChain }) {
      const elsewhere = [...lanes].filter(([, genesis]) => genesis !== genesisHash).map(([lane]) => lane)
      if (elsewhere.length > 0 && !leaveChain) return { kind: "other-chain", lanes: elsewhere.sort() }
      for (const lane of elsewhere) lanes.set(lane, genesisHash)
      const running = inState("rebuilding")
      if (running?.genesisHash === genesisHash) return { kind: "resumed", rebuild: toRebuild(running) }
      if (running) abandon(running)
      return { kind: "begun", rebuild: toRebuild(add(genesisHash, null, "rebuilding")) }
    },
    async setContracts(id, contracts) {
      rebuilding(id).contracts = contracts
    },
    async activate(id) {
      const row = rebuilding(id)
      const before = inState("active")
      if (before) before.state = "retired"
      row.state = "active"
      row.subjects.clear()
    },
    async abandon(id) {
      abandon(rebuilding(id))
    },
  }

  const plan: RebuildPlan = {
    async stage(id, { states, ended }) {
      const { subjects } = rebuilding(id)
      for (const state of states) {
        if (state.version > (subjects.get(state.subject)?.version ?? -1n)) subjects.set(state.subject, state)
      }
      for (const { subject, version } of ended) {
        const known = subjects.get(subject)
        if (known?.version === version) subjects.set(subject, { ...known, ended: true })
      }
    },
    async finish(id) {
      rebuilding(id).planned = true
    },
    async page(id, after, limit) {
      const subjects = rows.find(row => row.id === id)?.subjects
      return [...(subjects?.values() ?? [])]
        .filter(({ subject }) => after === null || subject > after)
        .sort((a, b) => (a.subject < b.subject ? -1 : 1))
        .slice(0, limit)
    },
    async ask(id, round, records) {
      const { asked } = rebuilding(id)
      for (const record of records) {
        const key = `${round} ${record.subject}`
        if (!asked.has(key)) asked.set(key, record)
      }
    },
    async finishRound(id, round) {
      const row = rebuilding(id)
      if (row.rounds === round) row.rounds += 1
    },
    async unfinished(id) {
      return rebuilding(id).asked.size
    },
  }

  return {
    deployments,
    plan,
    /** A lane with nothing open. */
    addLane: (lane: Hex, genesisHash: Hex) => void lanes.set(lane, genesisHash),
    mayReserve(contract: Hex, rebuild: bigint | null): boolean {
      const running = inState("rebuilding")
      if (rebuild !== (running?.id ?? null)) return false
      const contracts = (running ?? inState("active"))?.contracts
      return !running && !active() ? true : contracts?.patient === contract
    },
    mayLease(rebuild: bigint | null): boolean {
      const running = inState("rebuilding")
      return !running || running.id === rebuild
    },
  }
}
