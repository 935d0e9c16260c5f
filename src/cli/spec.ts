import type { Env, Host } from "./host.ts";
import type { Output } from "./output.ts";
import type { Values } from "./values.ts";

/** Exit codes that a command may list; what each means stands in `help.ts`. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 125 | 126 | 127 | 130;

/** One option, as help shows it and the parser knows it. */
export interface OptionSpec {
  /** Long name without the dashes; `no-…` switches something off that is on by default. */
  readonly long: string;
  /** One letter without the dash. */
  readonly short?: string;
  /** Name of the value in help; without it the option is a switch. */
  readonly value?: string;
  /** What the option means without `=VALUE`; then a value comes in the same word only. */
  readonly implied?: string;
  /** Environment variable that stands in for the option when it is not given. */
  readonly variable?: string;
  /** What holds when neither is given: words for help, not a value for the code. */
  readonly fallback?: string;
  readonly about: string;
  readonly repeat?: true;
  /** True: taken, but not in help. */
  readonly hidden?: true;
  /** Why the option can't be done, and what to do instead: typing it is an error that says so. */
  readonly refused?: string;
  /** The only values that are taken. */
  readonly choices?: readonly string[];
}

/** One operand. Only the last may repeat. */
export interface ArgumentSpec {
  readonly name: string;
  readonly about: string;
  readonly optional?: true;
  readonly repeat?: true;
}

/** A line to paste, and what it does. */
export interface Example {
  readonly does: string;
  readonly line: string;
}

/** What a handler gets. */
export interface Context {
  readonly host: Host;
  /** The working directory after `--cwd`. */
  readonly cwd: string;
  /** `host.env` after the options that stand for variables. */
  readonly env: Env;
  readonly values: Values;
  readonly operands: readonly string[];
  readonly out: Output;
}

/** Does the work of one command and returns the exit code. */
export type Handler = (context: Context) => Promise<number>;

/** A file below `commands/`. */
export interface CommandModule {
  readonly handle: Handler;
}

/**
 * One command as data: help, parser, documents and tests read this one object. Specs import
 * nothing, so that `--help` loads no library; `load` brings in the handler when it is needed.
 */
export interface CommandSpec {
  /** One or two words: `set`, `key new`. */
  readonly name: string;
  /** One line, lower case, no period. */
  readonly summary: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly [Example, Example, Example];
  readonly exits: readonly ExitCode[];
  /** More lines for help: what an option alone can't say. */
  readonly notes?: readonly string[];
  /** Options end at the first operand, as with `docker run`: the rest belongs to the program. */
  readonly stopAtOperand?: true;
  /** A word too many may be a value that somebody typed: refuse it without an echo. */
  readonly takesSecret?: true;
  /** Added to the hint for an unknown option: who may know it. */
  readonly elsewhere?: string;
  readonly load: () => Promise<CommandModule>;
}
