import type { Env } from "./host.ts";
import type { OptionSpec } from "./spec.ts";

/** What the parser found, by long name: `true` for a switch, or a list of texts. */
export type Parsed = Readonly<Record<string, true | readonly string[]>>;

const TRUE = /^(?:1|t|true)$/i;
const FALSE = /^(?:0|f|false)$/i;

/** What docker's client takes after the `=` of a switch. */
export function isBoolean(text: string): boolean {
  return TRUE.test(text) || FALSE.test(text);
}

/**
 * The options of one call. A variable stands in for an option that was not given; an empty
 * variable counts as unset. Asking for an option that the spec does not declare is a bug of ours.
 */
export class Values {
  readonly #specs: ReadonlyMap<string, OptionSpec>;
  readonly #parsed: Parsed;
  readonly #env: Env;

  constructor(specs: readonly OptionSpec[], parsed: Parsed, env: Env) {
    this.#specs = new Map(specs.map((spec) => [spec.long, spec]));
    this.#parsed = parsed;
    this.#env = env;
  }

  /** Whether a switch is on. */
  flag(long: string): boolean {
    const found = this.#parsed[long];
    // `--rm=false` says more than a variable
    if (Array.isArray(found)) return TRUE.test(String(found.at(-1)));
    return found === true || this.#fromEnv(long) !== undefined;
  }

  /** The value of an option; the last one when it was given twice. */
  get(long: string): string | undefined {
    return this.list(long).at(-1);
  }

  /** Every value of an option that may be repeated. */
  list(long: string): readonly string[] {
    const found = this.#parsed[long];
    if (Array.isArray(found)) return found as readonly string[];
    const variable = this.#fromEnv(long);
    return variable === undefined ? [] : [variable];
  }

  /** Whether the option was typed, variables aside. */
  typed(long: string): boolean {
    this.#spec(long);
    return this.#parsed[long] !== undefined;
  }

  #fromEnv(long: string): string | undefined {
    const { variable } = this.#spec(long);
    const text = variable === undefined ? undefined : this.#env[variable];
    return text === "" ? undefined : text;
  }

  #spec(long: string): OptionSpec {
    const spec = this.#specs.get(long);
    if (spec === undefined) throw new Error(`option --${long} is not declared by this command`);
    return spec;
  }
}
