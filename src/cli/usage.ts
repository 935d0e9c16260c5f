import type { CommandSpec } from "./spec.ts";

/**
 * A wrong call, as data. The parser answers with it instead of throwing: help and usage errors
 * must not load the library, where the error classes live.
 */
export interface UsageProblem {
  readonly code: "USAGE" | "USAGE_UNKNOWN" | "USAGE_VALUE_AS_ARGUMENT";
  readonly message: string;
  readonly hint: string;
  /** What was typed, and what it may have meant: the near miss goes in front of the hint. */
  readonly guess?: { readonly typed: string; readonly known: readonly string[] };
}

/** Somebody typed a value. Neither the value nor its length is repeated. */
export function valueAsArgument(command: string): UsageProblem {
  return {
    code: "USAGE_VALUE_AS_ARGUMENT",
    message: "a value never comes by argument: the process list and the history would show it",
    hint:
      `use the hidden prompt (sealmount ${command}), --stdin, or --value-file PATH; ` +
      "what was typed now is in the history of your shell",
  };
}

/** `set NAME`, `key import`: how the command is written when the value comes by prompt. */
export function commandWithOperand(spec: CommandSpec): string {
  return [spec.name, ...spec.arguments.map(({ name }) => name)].join(" ");
}
