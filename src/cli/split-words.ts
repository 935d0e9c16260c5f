import { Command, CommanderError, Option } from "commander";
import type { OptionSpec } from "./spec.ts";
import type { Parsed } from "./values.ts";

/** Options and operands of one call. */
export interface Split {
  readonly parsed: Parsed;
  readonly operands: readonly string[];
}

/** What commander found wrong. Its message repeats what was typed: never show it. */
export interface Mistake {
  readonly code: string;
  readonly unsafeMessage: string;
}

/** Splits any words by commander, which neither writes nor exits here. */
export function splitWords(
  options: readonly OptionSpec[],
  words: readonly string[],
  stopAtOperand: boolean,
): Split | { readonly mistake: Mistake } {
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
    if (!(error instanceof CommanderError)) throw error;
    return { mistake: { code: error.code, unsafeMessage: error.message } };
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
