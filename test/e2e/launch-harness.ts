/** Manifests for the tests of launchers. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { sealmountOut } from "../support/cli.ts";
import type { World } from "../support/temp.ts";

/** All bytes that a variable can have, which no create request could carry. */
export const BYTES = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1));

/**
 * Writes a manifest whose only secret is `BYTES`, and whose `[run]` says that variables are hidden.
 *
 * @param o.says - false leaves `[run]` out
 * @returns its folder
 */
export async function hidingManifest(
  world: World,
  environment: string,
  { says = true }: { readonly says?: boolean } = {},
): Promise<string> {
  const head = await readFile(join(world.cwd, "iterapp.toml"), "utf8");
  const seal = /^\[seal\]\n(?:[^[\n]*\n)*/m.exec(head)?.[0] ?? "";
  const run = says ? '[run]\nenv = "hidden"\n' : "";
  const file = await world.write(`${says ? "hiding" : "silent"}/iterapp.toml`, `${seal}\n${run}`);
  const cwd = dirname(file);
  const set = ["set", "BYTES", "--env", environment, "--stdin"];
  await sealmountOut(set, { cwd, env: world.env, stdin: BYTES });
  return cwd;
}
