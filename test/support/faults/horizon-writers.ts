import { once } from "node:events"
import { setTimeout as wait } from "node:timers/promises"
import type { Sql } from "../../../src/adapters/postgres/client.ts"
import type { Random } from "../../../src/demo/random.ts"

/** One transaction of one way to write to the log; on a connection of its own, which it gives back. */
export type WayToWrite = (connection: Awaited<ReturnType<Sql["reserve"]>>, random: Random) => Promise<unknown>

const SUBJECTS = 12
const subject = (random: Random) => `sha256('subject ${random.below(SUBJECTS)}')`
const append = (random: Random) =>
  `select reconciler.append('unblock-ip.requested', ${subject(random)}, '{}'::jsonb)`
const pause = (random: Random) => (random.chance(0.5) ? wait(random.below(10)) : undefined)
const end = (random: Random) => (random.chance(0.15) ? "rollback" : "commit")

/** An application's table whose trigger writes to the log. */
export async function createTriggeringTable(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create table public.of_the_app (id int);
    create function public.tell() returns trigger language plpgsql as $$
    begin
      perform reconciler.append('unblock-ip.requested', sha256(new.id::text::bytea), '{}'::jsonb);
      return null;
    end $$;
    create trigger tell after insert on public.of_the_app for each row execute function public.tell()`)
}

let prepared = 0

export const waysToWrite: Readonly<Record<string, WayToWrite>> = {
  async single(connection, random) {
    await connection.unsafe("begin")
    await connection.unsafe(append(random))
    await pause(random)
    await connection.unsafe(end(random))
  },
  /** Several subjects late in one transaction, which contend with others for them. */
  async contending(connection, random) {
    await connection.unsafe("begin")
    await connection.unsafe(append(random))
    await pause(random)
    await connection.unsafe(append(random))
    await connection.unsafe(end(random))
  },
  async subtransactions(connection, random) {
    await connection.unsafe("begin")
    for (let depth = 0; depth < 3; depth += 1) {
      await connection.unsafe("savepoint s")
      await connection.unsafe(insertOne(random))
      await pause(random)
      if (random.chance(0.4)) await connection.unsafe("rollback to s")
    }
    await connection.unsafe(end(random))
  },
  async prepared(connection, random) {
    prepared += 1
    const name = `p${process.pid}_${prepared}`
    await connection.unsafe("begin")
    await connection.unsafe(insertOne(random))
    await connection.unsafe(`prepare transaction '${name}'`)
    await pause(random)
    await connection.unsafe(`${end(random)} prepared '${name}'`)
  },
  async manyRows(connection, random) {
    await connection.unsafe(`
      insert into reconciler.outbox (type, subject, payload)
      select 'unblock-ip.requested', sha256(n::text::bytea), '{}' from generate_series(1, ${1 + random.below(40)}) n`)
  },
  async copy(connection, random) {
    await connection.unsafe("begin")
    const stream = await connection`copy reconciler.outbox (type, subject, payload) from stdin`.writable()
    const finished = once(stream, "finish")
    for (let row = random.below(40); row >= 0; row -= 1) {
      stream.write(`unblock-ip.requested\t\\\\x${"ab".repeat(32)}\t{}\n`)
    }
    stream.end()
    await finished
    await pause(random)
    await connection.unsafe(end(random))
  },
  async trigger(connection, random) {
    await connection.unsafe("begin")
    await connection.unsafe(`insert into public.of_the_app values (${random.below(1_000)})`)
    await pause(random)
    await connection.unsafe(end(random))
  },
  async intoAPartition(connection, random) {
    await connection.unsafe("begin")
    const [row] = await connection<{ partition: string }[]>`
      select max(relid::regclass::text) filter (where relid::regclass::text like
        '%' || to_char(now() at time zone 'UTC', 'YYYYMMDD')) as partition
      from pg_partition_tree('reconciler.outbox')`
    await connection.unsafe(insertOne(random, row?.partition))
    await pause(random)
    await connection.unsafe(end(random))
  },
  async asynchronous(connection, random) {
    await connection.unsafe("begin")
    await connection.unsafe("set local synchronous_commit = off")
    await connection.unsafe(insertOne(random))
    await connection.unsafe(end(random))
  },
}

function insertOne(random: Random, table = "reconciler.outbox"): string {
  return `insert into ${table} (type, subject, payload) values ('unblock-ip.requested', ${subject(random)}, '{}')`
}
