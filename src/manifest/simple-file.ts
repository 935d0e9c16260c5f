import { isInheritedName } from "./names.ts";
import { BARE_KEY, endsAt, matchAt, PLAIN_STRING, splitSimpleLines } from "./simple-lines.ts";
import type { SplitText } from "./simple-lines.ts";
import { newTable } from "./tree-model.ts";
import type { Section, Spot, TomlTable } from "./tree-model.ts";

const PART = new RegExp(`${BARE_KEY}|${PLAIN_STRING}`, "g");
const ANY_PART = String.raw`(?:[A-Za-z0-9_-]+|"[^"\\\u0000-\u0008\u000a-\u001f\u007f]*")[ \t]*`;
const HEADER = new RegExp(String.raw`([ \t]*)\[[ \t]*(${ANY_PART}(?:\.[ \t]*${ANY_PART})*)\]`, "y");

/**
 * Reads a file of simple lines (see simple-lines.ts), `[headers]` and comments, which is what most
 * manifests are, without loading a TOML library.
 *
 * @param text - LF line ends, no BOM
 * @returns null when there is anything else in it, or anything wrong; read-toml.ts decides then
 */
export function readSimpleFile(text: string): TomlTable | null {
  const split = splitSimpleLines(text);
  const root = newTable();
  const sections: Section[] = [{ line: 0, table: root }];
  const opened = new Set<TomlTable>();
  const lines = split.rest.split("\n");
  for (const [index, line] of lines.entries()) {
    if (endsAt(line, 0)) continue;
    const number = split.restLines[index] ?? 0;
    const table = openHeader(root, line, number);
    if (!table || opened.has(table)) return null;
    opened.add(table);
    sections.push({ line: number, table });
  }
  // the last line has no line end, so an empty text is one empty line
  return placeSimpleLines(sections, split) ? root : null;
}

/** Puts each simple line into the table of the last header above it; false on a duplicate. */
export function placeSimpleLines(sections: readonly Section[], { simple }: SplitText): boolean {
  let index = 0;
  for (const { line, name, member } of simple) {
    while ((sections[index + 1]?.line ?? Infinity) < line) index++;
    const members = sections[index]?.table.members;
    if (!members || members.has(name)) return false;
    members.set(name, member);
  }
  return true;
}

/** The table that a line's header opens; null when the line is no simple header. */
function openHeader(root: TomlTable, line: string, number: number): TomlTable | null {
  const header = matchAt(HEADER, line, 0);
  if (!header || !endsAt(line, header[0].length)) return null;
  const [, indent = "", key = ""] = header;
  const at: Spot = { line: number, column: indent.length + 1 };
  let table: TomlTable | null = root;
  for (const [, bare, quoted = ""] of key.matchAll(PART)) {
    table = table && tableIn(table, bare ?? quoted, at);
  }
  return table;
}

function tableIn({ members }: TomlTable, name: string, at: Spot): TomlTable | null {
  // every object inherits such a name: that is for the libraries to refuse
  if (isInheritedName(name)) return null;
  const node = members.get(name)?.node ?? newTable();
  if (!members.has(name)) members.set(name, { at, node });
  return node.kind === "table" ? node : null;
}
