import type { EscapeTable } from "./escape-table.ts";
import { htmlTables, jsonTables, jsonTwiceTables, shellTables } from "./text-escapes.ts";
import { percentTables } from "./percent.ts";
import type { Encoding } from "./needle.ts";

/** All tables of one kind of text. */
export interface EscapeFamily {
  readonly encoding: Encoding;
  readonly tables: readonly EscapeTable[];
}

let families: readonly EscapeFamily[] | undefined;

/**
 * Every way in which the usual tools escape bytes one by one. Made at the first value that needs
 * them: they hold no secret, and most commands that load this file mask letters and digits.
 */
export function escapeFamilies(): readonly EscapeFamily[] {
  return (families ??= makeFamilies());
}

function makeFamilies(): EscapeFamily[] {
  const json = jsonTables();
  return [
    { encoding: "json", tables: json },
    { encoding: "json-twice", tables: jsonTwiceTables(json) },
    { encoding: "shell", tables: shellTables() },
    { encoding: "html", tables: htmlTables() },
    { encoding: "percent", tables: percentTables() },
  ];
}

/**
 * The tables that change the given bytes, without those that do the same to them as one before:
 * for a value with a single special character, two of twenty.
 */
export function distinctTables(tables: readonly EscapeTable[], bytes: Uint8Array): EscapeTable[] {
  const found: EscapeTable[] = [];
  for (const table of tables) {
    const isPlain = bytes.every((byte) => table.of(byte) === undefined);
    const isKnown = found.some((other) => bytes.every((byte) => other.of(byte) === table.of(byte)));
    if (!isPlain && !isKnown) found.push(table);
  }
  return found;
}

/** The distinct bytes of a value that any table may replace: all but letters and digits. */
export function specialBytes(value: Buffer): Uint8Array {
  const seen = new Uint8Array(256);
  let count = 0;
  for (const byte of value) {
    if (ALPHANUMERIC[byte] === 1 || seen[byte] === 1) continue;
    seen[byte] = 1;
    count++;
  }
  const found = new Uint8Array(count);
  for (let byte = seen.indexOf(1), at = 0; byte >= 0; byte = seen.indexOf(1, byte + 1)) {
    found[at++] = byte;
  }
  seen.fill(0);
  return found;
}

const ALPHANUMERIC = new Uint8Array(256);
for (const byte of Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")) {
  ALPHANUMERIC[byte] = 1;
}
