import type { Collector } from "./collector.ts";
import {
  BASE32_ALIGNMENTS,
  BASE64_ALIGNMENTS,
  base32Inside,
  base64Inside,
  base64Whole,
  copyOf,
  endsWhole,
  escape,
  hex,
} from "./encode.ts";
import { distinctTables, escapeFamilies, type EscapeFamily, specialBytes } from "./escapes.ts";
import type { Encoding } from "./needle.ts";
import { outerJsonTables } from "./text-escapes.ts";
import { type AsciiStyle, asciiInUtf16, asciiOnly, isAscii, utf16 } from "./unicode.ts";

const ALPHABETS = ["base64", "base64url"] as const;

/** Columns where tools break base64: PEM and OpenSSL, OpenSSH, MIME and coreutils. */
const WRAP_COLUMNS = [64, 70, 76] as const;

/**
 * Longest text, in bytes, of which all forms are made. Of larger ones, which are files and mostly
 * binary, those that files are kept in: all would take a hundred times their size.
 */
export const LONGEST_ESCAPED = 64 * 1024;

/** Adds every encoding of one text. Broken lines are the search's work, but for masks. */
export function addForms(collector: Collector, text: Buffer): void {
  const { run, hasEscapes, hasZeros } = collector.traces;
  collector.add("raw", copyOf(text));
  if (run >= shortestCoded(text.length)) addCoded(collector, text);
  if (text.length > LONGEST_ESCAPED) return;
  if (hasEscapes) addEscapes(collector, text);
  if (hasZeros || !isAscii(text)) addUtf16(collector, text);
}

/** At least so long is every coded form of so many bytes: the last one of its lines may be short. */
function shortestCoded(length: number): number {
  return Math.ceil((length * 8) / 6) > WRAP_COLUMNS[0] ? 1 : length;
}

/** What comes out in one alphabet, of base64 or a smaller one, whatever goes in. */
function addCoded(collector: Collector, text: Buffer): void {
  addBase64(collector, text);
  collector.add("hex", hex(text, "lower"));
  collector.add("hex", hex(text, "upper"));
  if (collector.purpose === "mask") addWrapped(collector, text);
  if (text.length > LONGEST_ESCAPED) return;
  addBase64Twice(collector, text);
  addBase32(collector, text);
}

/** Base64 of the text alone, as `Authorization: Basic` has it for a user name with a password. */
export function addBasic(collector: Collector, pair: Buffer): void {
  const keepEnd = collector.purpose === "mask";
  for (const alphabet of ALPHABETS) {
    collector.add("login", base64Inside(pair, { alignment: 0, alphabet, keepEnd }), true);
  }
}

function addBase64(collector: Collector, text: Buffer): void {
  for (const alphabet of ALPHABETS) {
    for (const alignment of BASE64_ALIGNMENTS) {
      collector.add(alphabet, base64Inside(text, { alignment, alphabet }));
      if (collector.purpose === "search" || endsWhole(text.length, alignment, 6)) continue;
      // a mask that left the last character of the encoded text would show bits of the value
      collector.add(alphabet, base64Inside(text, { alignment, alphabet, keepEnd: true }));
    }
  }
}

/** The outer alphabet makes no difference: base64 of ASCII letters, digits and `+/-_` has neither. */
function addBase64Twice(collector: Collector, text: Buffer): void {
  const alphabet = "base64";
  for (const inner of innerForms(text)) {
    for (const alignment of BASE64_ALIGNMENTS) {
      collector.add("base64-twice", base64Inside(inner, { alignment, alphabet }));
    }
    inner.fill(0);
  }
  if (collector.purpose === "search") return;
  const whole = base64Whole(text, alphabet);
  collector.add("base64-twice", base64Inside(whole, { alignment: 0, alphabet, keepEnd: true }));
  whole.fill(0);
}

/** Tail-safe: no character of them depends on what stands before or after the text. */
function innerForms(text: Buffer): Buffer[] {
  return BASE64_ALIGNMENTS.flatMap((alignment) => {
    const standard = base64Inside(text, { alignment, alphabet: "base64" });
    const urlSafe = base64Inside(text, { alignment, alphabet: "base64url" });
    return standard.equals(urlSafe) ? [standard] : [standard, urlSafe];
  });
}

function addBase32(collector: Collector, text: Buffer): void {
  for (const alignment of BASE32_ALIGNMENTS) {
    collector.add("base32", base32Inside(text, { alignment }));
  }
  if (collector.purpose === "search" || endsWhole(text.length, 0, 5)) return;
  collector.add("base32", base32Inside(text, { alignment: 0, keepEnd: true }));
}

function addEscapes(collector: Collector, text: Buffer): void {
  const special = specialBytes(text);
  if (special.length === 0) return;
  for (const { encoding, tables } of escapeFamilies()) {
    for (const table of distinctTables(tables, special)) {
      collector.add(encoding, escape(text, table));
    }
  }
  if (!isAscii(text)) addAsciiForms(collector, text, special);
  special.fill(0);
}

/** JSON and HTML in which every character beyond ASCII is escaped too; none for binary values. */
function addAsciiForms(collector: Collector, text: Buffer, special: Uint8Array): void {
  for (const family of escapeFamilies()) {
    const styles = ASCII_STYLES[family.encoding] ?? [];
    for (const table of [...family.tables.slice(0, 1), ...distinctTables(family.tables, special)]) {
      const escaped = escape(text, table);
      for (const style of styles) addAscii(collector, family, asciiOnly(escaped, style));
      escaped.fill(0);
    }
  }
}

const ASCII_STYLES: Readonly<Partial<Record<Encoding, readonly AsciiStyle[]>>> = {
  json: ["json-lower", "json-upper"],
  "json-twice": ["json-lower", "json-upper"],
  html: ["html"],
};

/** @param ascii - null for bytes that are no text */
function addAscii(
  collector: Collector,
  { encoding, tables }: EscapeFamily,
  ascii: Buffer | null,
): void {
  if (ascii === null) return;
  for (const outer of encoding === "json" ? outerJsonTables(tables) : []) {
    collector.add("json-twice", escape(ascii, outer));
  }
  collector.add(encoding, ascii);
}

/** Both byte orders; of ASCII one needle that is in both, since every other byte is zero. */
function addUtf16(collector: Collector, text: Buffer): void {
  if (isAscii(text)) {
    collector.add("utf16", asciiInUtf16(text));
    return;
  }
  for (const order of ["little", "big"] as const) {
    const units = utf16(text, order);
    if (units !== null) collector.add("utf16", units);
  }
}

/** A program prints base64 in lines, which a mask sees one by one: those of the text alone. */
function addWrapped(collector: Collector, text: Buffer): void {
  for (const alphabet of ALPHABETS) {
    const whole = base64Inside(text, { alignment: 0, alphabet, keepEnd: true });
    addLinesOf(collector, alphabet, whole);
    whole.fill(0);
  }
}

/** Adds the lines in which base64 is printed when it is too long for one. */
export function addLinesOf(collector: Collector, encoding: Encoding, base64: Buffer): void {
  for (const column of WRAP_COLUMNS.filter((each) => base64.length > each)) {
    for (let at = 0; at < base64.length; at += column) {
      collector.add(encoding, copyOf(base64.subarray(at, at + column)), false);
    }
  }
}
