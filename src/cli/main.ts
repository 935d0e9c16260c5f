#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { cacheFolder, EXIT } from "../index.ts";
import { tooOldText } from "./node-version.ts";

/**
 * What Node has compiled is kept for the next start: a third of the time until a command begins. The
 * folder is this user's own, since what lies there is run.
 */
function keepCompiled(): void {
  const folder = cacheFolder(process.env);
  if (folder !== null) enableCompileCache(join(folder, "compiled"));
}

const tooOld = tooOldText(process.versions.node);
if (tooOld === undefined) {
  keepCompiled();
  void import("./process.ts").then(async ({ start }) => start());
} else {
  process.stderr.write(tooOld);
  process.exitCode = EXIT.usage;
}
