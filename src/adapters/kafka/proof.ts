/** The answer to a send does not fit what was sent: some messages may not have been written. */
export class UnprovenSendError extends Error {
  override readonly name = "UnprovenSendError"
}

export interface SendAnswer {
  /** `topic/partition`. */
  readonly place: string
  /** Where the broker put the first message. */
  readonly baseOffset: bigint
}

/** Throws UnprovenSendError unless every partition answered with an offset above its last one; then remembers them. */
export function prove(
  answers: readonly SendAnswer[],
  used: ReadonlySet<string>,
  lastOffsets: Map<string, bigint>,
): void {
  const offsets = new Map(answers.map(({ place, baseOffset }) => [place, baseOffset]))
  for (const place of used) {
    const offset = offsets.get(place)
    // A leader that moved between two tries of the client can get nothing for its new partition, and the send still resolves.
    if (offset === undefined) throw new UnprovenSendError(`no acknowledgement for ${place}`)
    if (offset <= (lastOffsets.get(place) ?? -1n)) {
      throw new UnprovenSendError(`the offset of ${place} did not rise: the batch was taken for an older one`)
    }
  }
  for (const [place, offset] of offsets) lastOffsets.set(place, offset)
}
