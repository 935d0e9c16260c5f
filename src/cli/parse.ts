import { Command, CommanderError, Option } from "commander";
import type { CommandSpec, OptionSpec } from "./spec.ts";
import { type UsageProblem, valueAsArgument } from "./usage.ts";
import type { Parsed } from "./values.ts";

/** Options and operands of one call, or what is wrong with it. */
export type ParseResult =
  | { readonly parsed: Parsed; readonly operands: readonly string[] }
  | { readonly problem: UsageProblem };

/**
 * Parses the words after the command's name. commander splits them; every word of ours about a
 * mistake is made here, as commander's own messages repeat what was typed.
 *
 * @param options - the command's own options and the global ones
 */
export function parseWords(
  spec: CommandSpec,
  options: readonly OptionSpec[],
  words: readonly string[],
): ParseResult {
  const split = splitWords(options, words, spec.stopAtOperand === true);
  if (split instanceof CommanderError) return { problem: problemOf(split, spec, options) };
  if (split.parsed["help"] !== undefined) return split;
  const problem = checkOperands(spec, split.operands) ?? checkChoices(options, split.parsed);
  return problem === null ? split : { problem };
}

/** Runs commander once, silent and without any subcommand. */
export function splitWords(
  options: readonly OptionSpec[],
  words: readonly string[],
  stopAtOperand: boolean,
): { readonly parsed: Parsed; readonly operands: readonly string[] } | CommanderError {
  const command = new Command("sealmount")
    .exitOverride()
    .configureOutput({ writeOut() {}, writeErr() {}, outputError() {} })
    .helpOption(false)
    .allowExcessArguments(true)
    .passThroughOptions(stopAtOperand)
    .argument("[words...]");
  const made = options.map((spec) => ({ spec, option: optionOf(spec) }));
  for (const { option } of made) command.addOption(option);
  try {
    command.parse(words, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error;
    throw error;
  }
  const values: Readonly<Record<string, unknown>> = command.opts();
  const found = made.flatMap(({ spec, option }) => {
    const value = values[option.attributeName()];
    return isGiven(option, value) ? [[spec.long, Array.isArray(value) ? value : true]] : [];
  });
  return { parsed: Object.fromEntries(found) as Parsed, operands: command.args };
}

function optionOf(spec: OptionSpec): Option {
  const short = spec.short === undefined ? "" : `-${spec.short}, `;
  const option = new Option(`${short}--${spec.long}${spec.value === undefined ? "" : " <value>"}`);
  if (spec.value === undefined) return option;
  return option.argParser((value: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    value,
  ]);
}

/** A `no-…` switch is on when commander's positive twin is off. */
function isGiven(option: Option, value: unknown): boolean {
  return option.negate ? value === false : value !== undefined;
}

/** What commander found wrong, in our words. Only names that we know ourselves are repeated. */
function problemOf(
  error: CommanderError,
  spec: CommandSpec,
  options: readonly OptionSpec[],
): UsageProblem {
  const hint = `sealmount ${spec.name} --help`;
  const [, typed = "", after = ""] = /'(?:-\w, )?(--?[a-z][a-z-]*)(.)/.exec(error.message) ?? [];
  if (error.code === "commander.optionMissingArgument")
    return { code: "USAGE", message: `option ${typed} needs a value`, hint };
  if (spec.takesSecret && /=|'-v'|'--(value|secret|password)'/.test(error.message))
    return valueAsArgument(commandWithOperand(spec));
  // only a whole, plain name is repeated, and never where a value may have been typed
  const name = spec.takesSecret || !"='".includes(after || " ") ? "" : ` ${typed}`;
  return {
    code: "USAGE_UNKNOWN",
    message: `sealmount ${spec.name} has no such option${name}`,
    hint,
    guess: { typed, known: options.map(({ long }) => `--${long}`) },
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

/** `set NAME`, `key import`: how the command is written when the value comes by prompt. */
function commandWithOperand(spec: CommandSpec): string {
  return [spec.name, ...spec.arguments.map(({ name }) => name)].join(" ");
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
