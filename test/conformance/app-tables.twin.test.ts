import type { AppTable } from "../../src/write-back/work.ts"
import { createInMemoryAppTables } from "../support/twins/app-tables.ts"
import { type App, appTablesConformance } from "./app-tables.ts"

appTablesConformance("in memory", async () => {
  const { appTables, deadLetters, rows, log } = createInMemoryAppTables(() => Date.now())
  const rowOf = (table: AppTable, subject: string) => {
    const row = rows.get(subject)
    return row?.table === table ? row : null
  }
  const app: App = {
    async write(table, { subject, position: newest }, block) {
      const expiresAtMs = block ? Date.now() + block.expiresInMs : null
      const manual = block?.manual ?? false
      rows.set(subject, {
        table,
        subject,
        newest,
        manual,
        expiresAtMs,
        flag: false,
        hash: "",
        heldByApp: false,
      })
    },
    deleteRow: async (_table, subject) => void rows.delete(subject),
    async hold(table, subject) {
      const row = rowOf(table, subject)!
      row.heldByApp = true
      return async () => {
        row.heldByApp = false
      }
    },
    read: async (table, subject) => {
      const row = rowOf(table, subject)
      return row && { flag: row.flag, hash: row.hash }
    },
  }
  return {
    appTables,
    deadLetters,
    app,
    writeToLog: async event => void log.push(event),
    logAbout: async subject => log.filter(event => event.subject === subject),
    close: async () => {},
  }
})
