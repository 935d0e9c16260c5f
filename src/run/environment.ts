/** The `Env` of the create request: the one place where secrets become strings. */
import { isUtf8 } from "node:buffer";

import { SealmountError } from "../errors.ts";
import { optionVariables } from "./plan.ts";
import type { RunPlan } from "./plan.ts";
import type { PlanOptions, RunEntry } from "./options.ts";

/** MAX_ARG_STRLEN of Linux: the longest `NAME=value`, with the NUL at its end, in bytes. */
const MAX_VARIABLE = 128 * 1024;

/** Plan options with the values. */
export type VariableOptions = PlanOptions & { readonly entries?: readonly RunEntry[] | undefined };

/**
 * Builds the list, secrets first; what was typed on the command line wins. A bare name takes the
 * image's own variable out.
 *
 * @throws {@link SealmountError} VALUE_INVALID for a value that no variable can hold
 */
export function environmentOf(options: VariableOptions, plan: RunPlan): string[] {
  const files = new Set(plan.files.map(({ name }) => name));
  const variables = new Map<string, string>();
  for (const entry of options.entries ?? []) {
    if (!files.has(entry.name)) variables.set(entry.name, `${entry.name}=${textOf(entry)}`);
  }
  for (const { name, value } of optionVariables(options)) {
    variables.set(name, value === null ? name : `${name}=${value}`);
  }
  return [...variables.values()];
}

function textOf({ name, value }: RunEntry): string {
  return value.use((bytes) => {
    if (bytes.includes(0)) throw unfit(name, "it holds a NUL byte");
    if (!isUtf8(bytes)) throw unfit(name, "it is not UTF-8 text");
    if (Buffer.byteLength(name) + bytes.length + 2 > MAX_VARIABLE) {
      throw unfit(name, `Linux takes at most ${MAX_VARIABLE} bytes for a name and its value`);
    }
    return bytes.toString("utf8");
  });
}

function unfit(name: string, why: string): SealmountError {
  return new SealmountError("VALUE_INVALID", `${name} can't be an environment variable: ${why}`, {
    hint: `deliver it as a file: --file ${name}`,
  });
}
