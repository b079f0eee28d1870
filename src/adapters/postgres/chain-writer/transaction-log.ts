import type { TransactionLog } from "../../../chain-writer/ports.ts"
import type { Sql } from "../client.ts"
import { advanceTransaction, saveAttempt } from "./advance.ts"
import { countWaiting, readyTypes } from "./claim.ts"
import { contradict, moveConfirmed } from "./confirmed.ts"
import { readConfirmed, readOpenTransactions, readSettledBytes } from "./open.ts"
import { reserveTransaction } from "./reserve.ts"
import { settleTransaction } from "./settle.ts"

export interface RebuildOptions {
  /** The rebuild that this process carries out. */
  readonly rebuild?: bigint | null
}

/** With `rebuild` of what that one asks for, and of nothing else. */
export function createTransactionLog(sql: Sql, { rebuild = null }: RebuildOptions = {}): TransactionLog {
  return {
    ready: () => readyTypes(sql, rebuild),
    waiting: (type, most) => countWaiting(sql, type, most, rebuild),
    reserve: (lane, claim) => reserveTransaction(sql, lane, claim, rebuild),
    open: lane => readOpenTransactions(sql, lane),
    saveAttempt: (lane, id, attempt) => saveAttempt(sql, lane, id, attempt),
    advance: (lane, id, advance) => advanceTransaction(sql, lane, id, advance),
    settle: (lane, id, settlement) => settleTransaction(sql, lane, id, settlement),
    settledBytes: (lane, fromNonce, most) => readSettledBytes(sql, lane, fromNonce, most),
    confirmed: (lane, belowNonce, limit) => readConfirmed(sql, lane, belowNonce, limit),
    moveConfirmed: (lane, id, to) => moveConfirmed(sql, lane, id, to),
    contradict: (lane, id, eventIds) => contradict(sql, lane, id, eventIds),
  }
}
