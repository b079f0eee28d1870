import { toOperation } from "../../src/chain-writer/intake.ts"
import { batchOf } from "../support/event-builders.ts"
import { createInMemoryDeadLetterLevers } from "../support/twins/dead-letter-levers.ts"
import { createInMemoryEventSource } from "../support/twins/event-source.ts"
import { acceptInMemory, createChainWriterMemory, rejectInMemory } from "../support/twins/operation-queue.ts"
import { createInMemoryReadModel } from "../support/twins/read-model.ts"
import { deadLetterLeversConformance } from "./dead-letter-levers.ts"

deadLetterLeversConformance("in memory", async () => {
  const log = createInMemoryEventSource()
  const memory = createChainWriterMemory(Date.now)
  const views = createInMemoryReadModel(Date.now)
  const viewed = new Set<bigint>()
  return {
    levers: createInMemoryDeadLetterLevers(memory.deadLetters, {
      eventAt: log.eventAt,
      handle(source, events) {
        if (source === "chain-writer")
          acceptInMemory(
            memory,
            events.flatMap(event => toOperation(event) ?? []),
          )
        if (source !== "projector") return
        void views.readModel.apply(batchOf(events))
        for (const { payload } of events) viewed.add(BigInt(String(payload.operationPosition)))
      },
      reject: rejection => rejectInMemory(memory, rejection),
    }),
    deadLetters: memory.deadLetters.deadLetters,
    append: async (...events) => log.append(...events),
    insert: async letter => memory.deadLetters.insert(letter),
    accept: async event => {
      acceptInMemory(memory, [toOperation(event)!])
    },
    told: async () => memory.events,
    queued: async () =>
      [...memory.operations.values()]
        .filter(({ state }) => state === "pending")
        .map(({ position }) => position),
    viewed: async () => [...viewed].filter(position => views.operation(position) !== null),
    close: async () => {},
  }
})
