import { isUtf8 } from "node:buffer";
import { ManifestError, type ManifestIssue } from "../errors.ts";
import { isEnvName } from "../manifest/names.ts";
import type { OpenedValue } from "./open-entries.ts";

/** MAX_ARG_STRLEN of Linux: the longest `NAME=value` with the NUL at its end, in bytes. */
const MAX_VARIABLE_BYTES = 128 * 1024;

/**
 * Refuses values that no environment variable can carry. Newlines are fine.
 *
 * @throws {@link ManifestError} VALUE_INVALID, all of them at once
 */
export function checkVariables(values: readonly OpenedValue[]): void {
  const issues = values.flatMap(({ entry, value }): ManifestIssue[] => {
    const fault = value.use((bytes) => faultOf(entry.name, bytes));
    if (fault === null) return [];
    const { place, name } = entry;
    const hint = `deliver it as a file: file = ${JSON.stringify(`/run/secrets/${name}`)}`;
    return [{ code: "VALUE_INVALID", message: `${place.key ?? name} ${fault}`, place, hint }];
  });
  const [first, ...rest] = issues;
  if (first !== undefined) throw new ManifestError([first, ...rest]);
}

function faultOf(name: string, bytes: Buffer): string | null {
  if (!isEnvName(name)) return "can't be the name of an environment variable";
  return textFault(bytes) ?? variableFault(name, bytes);
}

/** Why the bytes are no text, in words that follow a name; null when they are. */
export function textFault(bytes: Buffer): string | null {
  return isUtf8(bytes) ? null : "is not UTF-8 text, as an environment variable has to be";
}

/** Why no variable of that name can carry the bytes, text or not; null when one can. */
export function variableFault(name: string, bytes: Buffer): string | null {
  if (bytes.includes(0)) return "holds a NUL byte, which no environment variable can";
  if (Buffer.byteLength(name) + bytes.length + 2 <= MAX_VARIABLE_BYTES) return null;
  return `is larger than an environment variable may be (${MAX_VARIABLE_BYTES} bytes)`;
}
