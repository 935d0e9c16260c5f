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
  const unchanged = new Set(Buffer.from(ALPHANUMERIC + safe));
  return Array.from({ length: 256 }, (_, byte) => {
    if (unchanged.has(byte)) return undefined;
    if (byte === 0x20 && space !== undefined) return Buffer.from(space);
    const digits = byte.toString(16).padStart(2, "0");
    return Buffer.from(`%${letters === "upper" ? digits.toUpperCase() : digits}`);
  });
}

function jsonTable(more: Readonly<Record<string, string>>): EscapeTable {
  return Array.from({ length: 256 }, (_, byte) => {
    if (byte >= 0x80) return undefined;
    const character = String.fromCharCode(byte);
    const text = more[character] ?? JSON.stringify(character).slice(1, -1);
    return text === character ? undefined : Buffer.from(text);
  });
}
