import { readObject, unescapeString } from "../crypto/json.ts";

/** One member of an object, as a view into its JSON. */
export interface Field {
  /** A string, without its quotes and with its escapes; else a number, a literal, an array, an object. */
  readonly isText: boolean;
  readonly bytes: Buffer;
}

/**
 * Members of a JSON object by name, on bytes: JSON.parse would leave every value in strings that can't
 * be wiped.
 *
 * @returns null for no object
 */
export function readFields(json: Buffer): ReadonlyMap<string, Field> | null {
  const members = readObject(json);
  if (members === null) return null;
  return new Map(
    members.map(({ keyStart, keyEnd, kind, start, end }) => [
      String(unescapeString(json.subarray(keyStart, keyEnd)) ?? ""),
      { isText: kind === "string", bytes: json.subarray(start, end) },
    ]),
  );
}
