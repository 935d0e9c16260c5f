/** Programs to compare with: TypeScript around `tools.sh`. */
import { runScript } from "../test/engine/engine.ts";

/** A program that was unpacked. */
export interface Tool {
  readonly version: string;
  /** Folder with the program of the package's name. */
  readonly bin: string;
}

/**
 * Unpacks Debian's package into the cache of the tests' engines, once.
 *
 * @param libraries - packages that it needs beside it
 * @throws Error with the script's last words when it can't be had
 */
export async function debianTool(
  suite: string,
  name: string,
  libraries: readonly string[] = [],
): Promise<Tool> {
  const printed = await runScript("../../bench/tools.sh", [suite, name, ...libraries], {});
  return { version: printed.get("VERSION") ?? "", bin: printed.get("BIN") ?? "" };
}
