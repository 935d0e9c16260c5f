import { inlineRows } from "./cst.ts";
import type { CstInlineTable } from "./cst.ts";
import { isSamePath, isUnder } from "./locate.ts";
import type { Located, LocatedRow } from "./locate.ts";
import { dottedKey, tomlKey } from "./toml-text.ts";

/** Replaces the characters from one offset to another. */
export interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

interface NewRow {
  readonly name: string;
  readonly value: string;
}

/** Where and in which form a new key goes into a section. */
export function insertion(located: Located, section: readonly string[], row: NewRow): Splice {
  return (
    intoSection(located, section, row) ??
    intoInlineTable(located, section, row) ??
    besideDotted(located, section, row) ??
    newSection(located, section, row)
  );
}

function intoSection(located: Located, section: readonly string[], row: NewRow): Splice | null {
  const header = located.sections.find(({ path }) => isSamePath(path, section));
  if (!header) return null;
  const { items, key } = header.section;
  const last = items.findLast((item) => item.type === "KeyValue") ?? key;
  const indent = located.indent(last.loc.start.line);
  return newLine(located, last.loc.end.line, `${indent}${rowText([row.name], row.value)}`);
}

/** Into the section's own inline table, or, as a table in the table, into one above it. */
function intoInlineTable(located: Located, section: readonly string[], row: NewRow): Splice | null {
  const ancestors = section.map((_, index) => section.slice(0, section.length - index));
  for (const path of ancestors) {
    const found = located.rows.find((candidate) => isSamePath(candidate.path, path));
    const table = found?.row.value;
    if (table?.type !== "InlineTable") continue;
    const missing = section.slice(path.length);
    const value = missing.length === 0 ? row.value : `{ ${rowText([row.name], row.value)} }`;
    return newItem(located, table, rowText(missing.length === 0 ? [row.name] : missing, value));
  }
  return null;
}

function newItem(located: Located, table: CstInlineTable, text: string): Splice {
  const last = inlineRows(table).at(-1)?.item;
  if (!last) {
    const from = located.offset(table.loc.start);
    return { from, to: located.offset(table.loc.end), text: `{ ${text} }` };
  }
  const at = located.offset(last.loc.end);
  return { from: at, to: at, text: `, ${text}` };
}

/** Behind the last dotted row of the section (or of the nearest table above it). */
function besideDotted(located: Located, section: readonly string[], row: NewRow): Splice | null {
  const ancestors = section.map((_, index) => section.slice(0, section.length - index));
  for (const path of ancestors) {
    const last = located.rows.findLast((candidate) => isDottedInto(candidate, path));
    if (!last) continue;
    const key = [...section.slice(last.section.length), row.name];
    const indent = located.indent(last.row.loc.start.line);
    return newLine(located, last.row.loc.end.line, `${indent}${rowText(key, row.value)}`);
  }
  return null;
}

function isDottedInto({ path, section, inline }: LocatedRow, table: readonly string[]): boolean {
  const isOwn = table.length > section.length && path.length > table.length;
  return inline === undefined && isOwn && isUnder(path, table);
}

function newSection(located: Located, section: readonly string[], row: NewRow): Splice {
  const { text, eol } = located;
  const lines = `[${dottedKey(section)}]${eol}${rowText([row.name], row.value)}`;
  const at = { from: text.length, to: text.length };
  if (/^\uFEFF?\s*$/.test(text)) return { ...at, text: `${lines}${eol}` };
  // a file without a final line end stays without
  if (!text.endsWith("\n")) return { ...at, text: `${eol}${eol}${lines}` };
  const gap = /\n\r?\n$/.test(text) ? "" : eol;
  return { ...at, text: `${gap}${lines}${eol}` };
}

/** A line of its own behind another one. */
function newLine(located: Located, line: number, text: string): Splice {
  const at = located.lineEnd(line);
  const before = located.text.slice(located.lineStart(line), at);
  const eol = /\r?\n$/.exec(before)?.[0];
  const inserted = eol === undefined ? `${located.eol}${text}` : `${text}${eol}`;
  return { from: at, to: at, text: inserted };
}

function rowText(key: readonly string[], value: string): string {
  return `${key.map(tomlKey).join(".")} = ${value}`;
}
