/** Runs a program on a pseudo-terminal, by Python's standard library: no native Node module needed. */
import { join } from "node:path";
import { type Ran, run, type RunOptions } from "./process.ts";

/** Types `type` once the terminal has shown `on`. "\r" is the Enter key, "\x03" is Ctrl-C. */
interface Keys {
  readonly on: string;
  readonly type: string;
}

/** Changes the size of the window. */
interface Resize {
  readonly on: string;
  readonly size: readonly [columns: number, rows: number];
}

/** Sends a signal, by number, to the program that was started. */
interface Kill {
  readonly on: string;
  readonly signal: number;
}

export type Typing = Keys | Resize | Kill;

export interface TerminalOptions extends Omit<RunOptions, "stdin"> {
  readonly typing?: readonly Typing[];
  readonly columns?: number;
  readonly rows?: number;
}

/**
 * A shell command that prints the size of its terminal, as `ROWS COLUMNS`, once it has one, and
 * another one than `before`; after ten seconds, whatever it is. Engines before API 1.42 tell the size
 * only to a program that runs already: it starts with none, and busybox's stty fails.
 */
export function sizeOtherThan(before: string): string {
  return (
    `i=0; s=; while [ $i -lt 100 ] && { [ -z "$s" ] || [ "$s" = "${before}" ]; }; ` +
    'do s=$(stty size 2>/dev/null); i=$((i+1)); sleep 0.1; done; echo "$s"'
  );
}

/** Runs `program` on a terminal of 100 × 30; `stdout` of the result is all that the terminal showed. */
export async function runOnTerminal(
  program: string,
  args: readonly string[],
  { typing = [], columns = 100, rows = 30, ...options }: TerminalOptions,
): Promise<Ran> {
  const script = join(import.meta.dirname, "terminal.py");
  return run("/usr/bin/python3", [script, `${columns}`, `${rows}`, program, ...args], {
    ...options,
    env: { TERM: "xterm-256color", ...options.env },
    stdin: typing.map((step) => `${JSON.stringify(step)}\n`).join(""),
  });
}
