import type { CommandSpec, OptionSpec } from "./spec.ts";
import { splitPlainWords } from "./split-plain.ts";
import type { Mistake, Split } from "./split-words.ts";
import { commandWithOperand, type UsageProblem, valueAsArgument } from "./usage.ts";
import { isBoolean, type Parsed } from "./values.ts";

/** Options and operands of one call, or what is wrong with it. */
export type ParseResult = Split | { readonly problem: UsageProblem };

/**
 * Parses the words after the command's name.
 *
 * @param options - the command's own options and the global ones
 */
export async function parseWords(
  spec: CommandSpec,
  options: readonly OptionSpec[],
  words: readonly string[],
): Promise<ParseResult> {
  const whole = withImplied(options, words);
  const split = await splitAny(options, whole, spec.stopAtOperand === true);
  if ("mistake" in split) return { problem: problemOf(split.mistake, spec, options) };
  if (split.parsed["help"] !== undefined) return split;
  const problem =
    checkRefused(spec, split.parsed) ??
    checkOperands(spec, split.operands) ??
    checkChoices(options, split.parsed);
  return problem === null ? split : { problem };
}

/** Writes out the value of an option that may stand alone: `--sbom` is `--sbom=true`. */
function withImplied(options: readonly OptionSpec[], words: readonly string[]): readonly string[] {
  const implied = new Map(
    options.flatMap((one) => (one.implied === undefined ? [] : [[`--${one.long}`, one.implied]])),
  );
  const end = words.indexOf("--");
  return words.map((word, at) => {
    const value = end >= 0 && at > end ? undefined : implied.get(word);
    return value === undefined ? word : `${word}=${value}`;
  });
}

async function splitAny(
  options: readonly OptionSpec[],
  words: readonly string[],
  stopAtOperand: boolean,
): Promise<Split | { readonly mistake: Mistake }> {
  const plain = splitPlainWords(options, words, stopAtOperand);
  if (plain !== null) return plain;
  const { splitWords } = await import("./split-words.ts");
  return splitWords(options, withoutBooleans(options, words), stopAtOperand);
}

/** Commander does not know `--rm=true`: it would find a mistake where there is none. */
function withoutBooleans(
  options: readonly OptionSpec[],
  words: readonly string[],
): readonly string[] {
  const switches = new Set(
    options.flatMap(({ long, value }) => (value === undefined ? [`--${long}`] : [])),
  );
  return words.map((word) => {
    const at = word.indexOf("=");
    const isPlain = switches.has(word.slice(0, Math.max(at, 0))) && isBoolean(word.slice(at + 1));
    return isPlain ? word.slice(0, at) : word;
  });
}

/** A mistake in our words. Only names that we know ourselves are repeated. */
function problemOf(
  { code, unsafeMessage }: Mistake,
  spec: CommandSpec,
  options: readonly OptionSpec[],
): UsageProblem {
  const hint = `sealmount ${spec.name} --help`;
  const [, typed = "", after = ""] = /'(?:-\w, )?(--?[a-z][a-z-]*)(.)/.exec(unsafeMessage) ?? [];
  if (code === "commander.optionMissingArgument")
    return { code: "USAGE", message: `option ${typed} needs a value`, hint };
  if (spec.takesSecret && /=|'-v'|'--(value|secret|password)'/.test(unsafeMessage))
    return valueAsArgument(commandWithOperand(spec));
  // only a whole, plain name is repeated, and never where a value may have been typed
  const name = spec.takesSecret || !"='".includes(after || " ") ? "" : ` ${typed}`;
  return {
    code: "USAGE_UNKNOWN",
    message: `sealmount ${spec.name} has no such option${name}`,
    hint: [hint, spec.elsewhere].filter((part) => part !== undefined).join("; "),
    guess: {
      typed,
      known: options.filter(({ hidden }) => hidden !== true).map(({ long }) => `--${long}`),
    },
  };
}

function checkOperands(spec: CommandSpec, operands: readonly string[]): UsageProblem | null {
  const { name, arguments: known, takesSecret } = spec;
  const most = known.some(({ repeat }) => repeat) ? Infinity : known.length;
  if (takesSecret && (operands.length > most || operands[0]?.includes("=")))
    return valueAsArgument(commandWithOperand(spec));
  const hint = `sealmount ${name} --help`;
  const missing = known.filter(({ optional }) => !optional)[operands.length];
  if (missing !== undefined)
    return { code: "USAGE", message: `sealmount ${name} needs ${missing.name}`, hint };
  if (operands.length <= most) return null;
  const message = `sealmount ${name} takes ${countOf(most)}, not ${operands.length}`;
  return { code: "USAGE", message, hint };
}

function countOf(most: number): string {
  if (most === 0) return "no argument";
  return `at most ${most} ${most === 1 ? "argument" : "arguments"}`;
}

/** Options of docker that can't be done here. */
function checkRefused({ name, options }: CommandSpec, parsed: Parsed): UsageProblem | null {
  const found = options.find(({ long, refused }) => refused !== undefined && long in parsed);
  if (found?.refused === undefined) return null;
  const message = `sealmount ${name} can't do --${found.long}`;
  return { code: "USAGE", message, hint: found.refused };
}

function checkChoices(options: readonly OptionSpec[], parsed: Parsed): UsageProblem | null {
  for (const { long, choices } of options) {
    const found = parsed[long];
    if (choices === undefined || !Array.isArray(found)) continue;
    if ((found as readonly string[]).every((value) => choices.includes(value))) continue;
    const message = `--${long} takes one of: ${choices.join(", ")}`;
    return { code: "USAGE", message, hint: `--${long} ${choices[0] ?? ""}` };
  }
  return null;
}
