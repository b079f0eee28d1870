/** One record as the broker has it. Key and headers as text; an absent value is a tombstone. */
export interface Message {
  readonly key: string | null
  readonly value: string | null
  readonly headers: Readonly<Record<string, string>>
}

export interface OutgoingMessage extends Message {
  readonly topic: string
  readonly key: string
  readonly value: string
}

export interface ReceivedMessage extends Message {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}
