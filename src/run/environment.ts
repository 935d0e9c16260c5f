/**
 * The variables of a container: the `Env` of the create request, the one place where secrets become
 * strings, or records for the gate, which stay bytes.
 */
import { SealmountError } from "../errors.ts";
import { Secret } from "../secret/secret.ts";
import { textFault, variableFault } from "../vault/deliverable.ts";
import { optionVariables } from "./plan.ts";
import type { RunPlan } from "./plan.ts";
import type { PlanOptions, RunEntry } from "./options.ts";
import { secretOfPath } from "./variables.ts";

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
    refuseFault(name, textFault(bytes) ?? variableFault(name, bytes));
    return bytes.toString("utf8");
  });
}

function isHidden({ sensitive }: RunEntry, { variables }: RunPlan): boolean {
  return sensitive && variables === "hidden";
}

/** In bytes, with the NUL. */
function sizeOf({ name, value }: Pick<RunEntry, "name" | "value">): number {
  if (/^$|[=\0]/.test(name)) refuseFault(name, "can't be the name of an environment variable");
  return value.use((bytes) => {
    refuseFault(name, variableFault(name, bytes));
    return Buffer.byteLength(name) + bytes.length + 2;
  });
}

function refuseFault(name: string, fault: string | null): void {
  if (fault === null) return;
  const hint = `deliver it as a file: --file ${name}`;
  throw new SealmountError("VALUE_INVALID", `${name} ${fault}`, { hint });
}
