/**
 * The variables of a container: the `Env` of the create request, the one place where secrets become
 * strings, or records for the gate, which stay bytes.
 */
import { isUtf8 } from "node:buffer";

import { SealmountError } from "../errors.ts";
import { Secret } from "../secret/secret.ts";
import { optionVariables } from "./plan.ts";
import type { RunPlan } from "./plan.ts";
import type { PlanOptions, RunEntry } from "./options.ts";
import { secretOfPath } from "./variables.ts";

/** MAX_ARG_STRLEN of Linux: the longest `NAME=value`, with the NUL at its end, in bytes. */
const MAX_VARIABLE = 128 * 1024;

/** What the file of hidden variables is called where secrets have names. */
export const ENV_NAME = "the environment";

/** Plan options with the values. */
export type VariableOptions = PlanOptions & { readonly entries?: readonly RunEntry[] | undefined };

/**
 * Builds the list, secrets first; what was typed on the command line wins. A bare name takes the
 * image's own variable out. Hidden variables are not in it; of secrets that became files there is the
 * path.
 *
 * @throws {@link SealmountError} VALUE_INVALID for a value that no variable can hold
 */
export function environmentOf(options: VariableOptions, plan: RunPlan): string[] {
  const files = new Map(plan.files.map(({ name, path }) => [name, path]));
  const variables = new Map<string, string>();
  for (const entry of options.entries ?? []) {
    if (files.has(entry.name) || isHidden(entry, plan)) continue;
    variables.set(entry.name, `${entry.name}=${variableText(entry)}`);
  }
  for (const { name, from } of plan.env) {
    if (from === "path") variables.set(name, `${name}=${files.get(secretOfPath(name)) ?? ""}`);
  }
  for (const { name, value } of optionVariables(options)) {
    variables.set(name, value === null ? name : `${name}=${value}`);
  }
  return [...variables.values()];
}

/**
 * The records that the gate reads: `NAME=value` and a NUL for each hidden variable, then one more NUL,
 * by which the gate knows that the file is whole. Any bytes but NUL. Not among them is what was
 * typed on the command line under the same name.
 *
 * @returns owned by the caller, who wipes it
 * @throws {@link SealmountError} VALUE_INVALID for a value that no variable can hold
 */
export function hiddenVariables(options: VariableOptions, plan: RunPlan): Secret {
  const names = new Set(plan.env.flatMap(({ name, from }) => (from === "secret" ? [name] : [])));
  const all: readonly RunEntry[] = options.entries ?? [];
  return recordsOf(all.filter(({ name }) => names.has(name)));
}

/**
 * The same for values that were chosen before; for none, the file of a gate that has nothing to hide.
 *
 * @returns owned by the caller, who wipes it
 * @throws {@link SealmountError} VALUE_INVALID for a value that no variable can hold
 */
export function recordsOf(values: readonly Pick<RunEntry, "name" | "value">[]): Secret {
  const records = Buffer.alloc(values.reduce((sum, value) => sum + sizeOf(value), 1));
  let at = 0;
  for (const { name, value } of values) {
    at += records.write(`${name}=`, at);
    at += value.use((bytes) => bytes.copy(records, at)) + 1;
  }
  return Secret.take(ENV_NAME, records);
}

/**
 * The value as the text of a variable.
 *
 * @throws {@link SealmountError} VALUE_INVALID
 */
export function variableText({ name, value }: RunEntry): string {
  return value.use((bytes) => {
    checkedSize(name, bytes);
    if (!isUtf8(bytes)) throw unfit(name, "it is not UTF-8 text");
    return bytes.toString("utf8");
  });
}

function isHidden({ sensitive }: RunEntry, { variables }: RunPlan): boolean {
  return sensitive && variables === "hidden";
}

/** In bytes, with the NUL. */
function sizeOf({ name, value }: Pick<RunEntry, "name" | "value">): number {
  if (/^$|[=\0]/.test(name)) throw unfit(name, "the name holds an equals sign or NUL");
  return value.use((bytes) => checkedSize(name, bytes));
}

function checkedSize(name: string, bytes: Buffer): number {
  if (bytes.includes(0)) throw unfit(name, "it holds a NUL byte");
  const size = Buffer.byteLength(name) + bytes.length + 2;
  if (size <= MAX_VARIABLE) return size;
  throw unfit(name, `Linux takes at most ${MAX_VARIABLE} bytes for a name and its value`);
}

function unfit(name: string, why: string): SealmountError {
  return new SealmountError("VALUE_INVALID", `${name} can't be an environment variable: ${why}`, {
    hint: `deliver it as a file: --file ${name}`,
  });
}
