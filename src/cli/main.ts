#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { cacheFolder } from "../index.ts";

/**
 * What Node has compiled is kept for the next start: a third of the time until a command begins. The
 * folder is this user's own, since what lies there is run.
 */
function keepCompiled(): void {
  const folder = cacheFolder(process.env);
  if (folder !== null) enableCompileCache(join(folder, "compiled"));
}

keepCompiled();
void import("./process.ts").then(async ({ start }) => start());
