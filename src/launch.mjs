#!/usr/bin/env node
/**
 * The front door: `node src/launch.mjs <command> [arguments]`, on any Node from 18 on and in a bare checkout.
 * It installs what package-lock.json asks for, then runs src/main.ts, or the npm script of `npm:<script>`, under Node 24.
 *
 * This file has to be readable for every Node that knows modules: what is newer stands in ./launch/.
 */
var oldest = 18
var running = Number(process.versions.node.split(".")[0])

if (running < oldest) {
  console.error(
    "This needs Node " +
      oldest +
      " or newer to start, and this is Node " +
      process.versions.node +
      " (" +
      process.execPath +
      ").\nInstall a newer one, for instance from https://nodejs.org/, and try again.",
  )
  process.exitCode = 78
} else {
  import("./launch/launcher.mjs").then(launcher => launcher.launch(process.argv.slice(2)))
}
