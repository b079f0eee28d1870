import { createInMemoryArchivableLog } from "../support/twins/archivable-log.ts"
import { archivableLogConformance } from "./archivable-log.ts"

archivableLogConformance("in memory", async () => {
  const twin = createInMemoryArchivableLog()
  return {
    log: twin.log,
    hold: twin.hold,
    addDay: async day => twin.addDay(day),
    insert: async position => twin.insert(position),
    passRelay: async position => twin.passRelay(position),
    async request(position) {
      twin.insert(position)
      twin.setOpen(position, ["projector"])
    },
    take: async position => twin.setOpen(position, ["chain-writer", "projector"]),
    finish: async position => twin.setOpen(position, []),
    close: async () => {},
  }
})
