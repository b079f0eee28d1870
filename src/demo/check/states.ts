import type { Subject } from "../../domain/subject.ts"
import { FLAG } from "../../domain/word.ts"
import type { Observations } from "../observe/observations.ts"
import { type ExpectedSubject, finalWord } from "./expected.ts"
import type { Mismatch } from "./mismatch.ts"

/** Every slot holds exactly the word it must, and the getters say what follows from it. */
export function checkStates(
  expected: ReadonlyMap<Subject, ExpectedSubject>,
  observed: Observations,
): Mismatch[] {
  const occurredAtMs = new Map(observed.log.map(event => [event.eventId, event.occurredAtMs]))
  const wanted = new Map([...expected].map(([subject, state]) => [subject, wantedWord(state, occurredAtMs)]))
  return [
    ...[...wanted].flatMap(([subject, word]): Mismatch[] =>
      word !== null && observed.words.get(subject) !== word ? [{ kind: "word-differs", what: subject }] : [],
    ),
    ...observed.getters.flatMap(({ getter, subject, answer }): Mismatch[] => {
      const word = wanted.get(subject)
      if (word === undefined || word === null) return []
      // No block of the day is still running by itself: ours are over, the neighbour's lasts longer than any day.
      const active = (word & BigInt(FLAG.active)) !== 0n
      return answer === active ? [] : [{ kind: "getter-differs", what: subject, detail: getter }]
    }),
  ]
}

/** Null if the log lost the event: then its time is unknown, and the operation counts as lost anyway. */
function wantedWord(state: ExpectedSubject, occurredAtMs: ReadonlyMap<string, number>): bigint | null {
  switch (state.decidedBy.who) {
    case "nobody":
      return 0n
    case "neighbour":
      return state.decidedBy.word
    case "us": {
      const { operation } = state.decidedBy
      const atMs = occurredAtMs.get(operation.eventId)
      return atMs === undefined ? null : finalWord(operation, atMs)
    }
  }
}
