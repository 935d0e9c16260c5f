import type { EscapeTable } from "./encode.ts";

/**
 * Escape tables: which bytes the usual encoders of percent and JSON text replace, and by what.
 * They hold no secret, so they may live in shared memory and are built once.
 */

const ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Characters that each of the usual percent encoders leaves as they are. */
const PERCENT_SAFE = [
  // ECMAScript encodeURIComponent
  "-_.!~*'()",
  // RFC 3986 "unreserved": all reserved characters encoded (Python quote(safe=""), Go, PHP)
  "-_.~",
  // ECMAScript encodeURI: reserved characters stay
  "-_.!~*'();/?:@&=+$,#",
];

/** application/x-www-form-urlencoded as the URL standard writes it; a space becomes `+`. */
const FORM_SAFE = "*-._";

/** `%00` to `%ff`, shared by all tables: every command that masks output waits for them. */
const PERCENT = {
  upper: percentForms("0123456789ABCDEF"),
  lower: percentForms("0123456789abcdef"),
};

function percentForms(digits: string): readonly Buffer[] {
  return Array.from({ length: 256 }, (_, byte) =>
    Buffer.from(`%${digits.charAt(byte >> 4)}${digits.charAt(byte & 15)}`),
  );
}

/** Percent forms: each safe set in both cases of the hexadecimal digits, and the form encoding. */
export const PERCENT_TABLES: readonly EscapeTable[] = [
  ...PERCENT_SAFE.flatMap((safe) => [percentTable(safe, "upper"), percentTable(safe, "lower")]),
  percentTable(FORM_SAFE, "upper", "+"),
  percentTable(FORM_SAFE, "lower", "+"),
];

/** What JSON.stringify does to a byte of UTF-8. */
const JSON_PLAIN = jsonTable({});

/**
 * JSON forms: JSON.stringify; Go's encoding/json, which also escapes the characters that HTML
 * knows; and the encoders that write `\/`.
 */
export const JSON_TABLES: readonly EscapeTable[] = [
  JSON_PLAIN,
  jsonTable({ "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" }),
  jsonTable({ "/": "\\/" }),
];

function percentTable(safe: string, letters: "upper" | "lower", space?: string): EscapeTable {
  const table: (Buffer | undefined)[] = [...PERCENT[letters]];
  for (const byte of Buffer.from(ALPHANUMERIC + safe)) table[byte] = undefined;
  if (space !== undefined) table[0x20] = Buffer.from(space);
  return table;
}

function jsonTable(more: Readonly<Record<string, string>>): EscapeTable {
  return Array.from({ length: 256 }, (_, byte) => {
    if (byte >= 0x80) return undefined;
    const character = String.fromCharCode(byte);
    const text = more[character] ?? JSON.stringify(character).slice(1, -1);
    return text === character ? undefined : Buffer.from(text);
  });
}
