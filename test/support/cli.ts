/** Runs sealmount's command line as a process, the way a user does. */
import { join } from "node:path";
import { BUILT_CLI } from "../../scripts/build.ts";
import type { Ran, RunOptions } from "./process.ts";
import { run } from "./process.ts";
import { runOnTerminal, type TerminalOptions } from "./terminal.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/**
 * Node and the main file: of the build when `ensureBuilt` has made one for this run, else (unit
 * tests) of the sources, which Node runs as they are.
 */
export function cliCommand(): readonly [program: string, main: string] {
  return [process.execPath, process.env[BUILT_CLI] ?? join(ROOT, "src", "cli", "main.ts")];
}

/** `sealmount ARGS…` on pipes. `env` is its whole environment: take a `World`'s. */
export async function sealmount(args: readonly string[], options: RunOptions): Promise<Ran> {
  const [program, main] = cliCommand();
  return run(program, [main, ...args], options);
}

/** `sealmount ARGS…` on a terminal. */
export async function sealmountOnTerminal(
  args: readonly string[],
  options: TerminalOptions,
): Promise<Ran> {
  const [program, main] = cliCommand();
  return runOnTerminal(program, [main, ...args], options);
}

/** Like {@link sealmount}, and wants exit code 0; returns its stdout. */
export async function sealmountOut(args: readonly string[], options: RunOptions): Promise<string> {
  const ran = await sealmount(args, options);
  if (ran.code !== 0) throw new Error(`sealmount ${args[0]} exited ${ran.code}: ${ran.stderr}`);
  return ran.stdout;
}
