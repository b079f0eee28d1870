import type { LogNews } from "../../../relay/ports.ts"
import type { Clock } from "../../../runtime/clock.ts"
import { createWake } from "../../../runtime/wake.ts"
import type { Sql } from "../client.ts"

const CHANNEL = "reconciler_outbox"

/**
 * When writers may be asked to notify: `auto` unless the server allows prepared transactions, because one that has
 * notified cannot be prepared, and the application would see the error; and unless the URL says `prepare=false`, as for a
 * pooler that gives out sessions by transaction, where nobody who listens is told.
 */
export type NewsPolicy = "auto" | "always"

/** News by NOTIFY, on a connection of its own that is made with the first question and closed with `sql`. */
export function createPostgresLogNews(options: {
  readonly sql: Sql
  readonly clock: Clock
  readonly policy: NewsPolicy
}): LogNews {
  const { sql, clock, policy } = options
  const wake = createWake(clock)
  let listening: Promise<{ unlisten(): Promise<void> }> | null = null

  /** Woken as well whenever the connection is made again: what was told meanwhile is lost. */
  async function listen(): Promise<void> {
    listening ??= sql.listen(CHANNEL, wake.wake, wake.wake)
    try {
      await listening
    } catch (error) {
      listening = null
      throw error
    }
  }

  return {
    async ask(forMs) {
      if (policy === "auto" && !sql.options.prepare) return false
      const asked = await askFor(sql, forMs, policy)
      if (asked) await listen()
      return asked
    },
    async stopAsking() {
      await askFor(sql, 0, policy)
    },
    wait: wake.wait,
  }
}

/** In a sequence: writers read it without a lock or a snapshot, and it needs no vacuum. */
async function askFor(sql: Sql, forMs: number, policy: NewsPolicy): Promise<boolean> {
  const rows = await sql`
    select setval('reconciler.relay_awaits_news_until',
      (extract(epoch from clock_timestamp()) * 1000)::bigint + ${forMs}::int)
    where ${policy} = 'always' or current_setting('max_prepared_transactions')::int = 0`
  return rows.count === 1
}
