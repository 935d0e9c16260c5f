/** Runs sealmount's command line as a process, the way a user does. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Ran, RunOptions } from "./process.ts";
import { run } from "./process.ts";
import { runOnTerminal, type TerminalOptions } from "./terminal.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** Program and first argument: the built command line, else (unit tests, no build) the sources. */
export function cliCommand(): readonly [program: string, main: string] {
  const built = join(ROOT, "dist", "cli", "main.js");
  return [process.execPath, existsSync(built) ? built : join(ROOT, "src", "cli", "main.ts")];
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
