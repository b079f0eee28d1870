/**
 * Every history of one subject up to a number of operations, and every way it can reach the chain: in each order, with
 * no operation or one delivered again at the end, before and after the shorter block is over.
 */

/** Seconds are counted from the moment the first operation was made. */
export type Operation =
  | { kind: "automatic"; position: number; endsAt: number }
  | { kind: "manual"; position: number }
  | { kind: "unblock"; position: number }
  /** Ends the automatic block that was made at position `ends`. */
  | { kind: "expiry"; position: number; ends: number; dueAt: number }
export type Delivery = { operation: Operation; at: number }
export type Run = { log: readonly Operation[]; deliveries: Delivery[] }

const SHORT_BLOCK_ENDS_AT = 2
export const LONG_BLOCK_ENDS_AT = 9
const STARTS_AT = [0, 3]

/** All runs of one to `operations` operations: 2, 3, 4 give 232, 4,456 and 114,856. */
export function allRuns(operations: number): Run[] {
  const runs: Run[] = []
  for (let length = 1; length <= operations; length++)
    for (const log of logsOf(length))
      for (const order of ordersOf(log))
        for (const start of STARTS_AT)
          for (const again of [undefined, ...order])
            runs.push({ log, deliveries: schedule(again ? [...order, again] : order, start) })
  return runs
}

function logsOf(length: number): Operation[][] {
  let logs: Operation[][] = [[]]
  for (let position = 1; position <= length; position++)
    logs = logs.flatMap(log => nextOperations(log, position).map(operation => [...log, operation]))
  return logs
}

function nextOperations(log: Operation[], position: number): Operation[] {
  const expiries = log.flatMap((block): Operation[] =>
    block.kind === "automatic" && !log.some(other => other.kind === "expiry" && other.ends === block.position)
      ? [{ kind: "expiry", position, ends: block.position, dueAt: block.endsAt }]
      : [],
  )
  return [
    { kind: "automatic", position, endsAt: SHORT_BLOCK_ENDS_AT },
    { kind: "automatic", position, endsAt: LONG_BLOCK_ENDS_AT },
    { kind: "manual", position },
    { kind: "unblock", position },
    ...expiries,
  ]
}

function ordersOf<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, i) =>
    ordersOf([...items.slice(0, i), ...items.slice(i + 1)]).map(rest => [item, ...rest]),
  )
}

/** An expiry is sent when it is due and not before; nobody's clock goes back. */
function schedule(order: readonly Operation[], start: number): Delivery[] {
  let now = start
  return order.map(operation => {
    if (operation.kind === "expiry") now = Math.max(now, operation.dueAt)
    return { operation, at: now }
  })
}
