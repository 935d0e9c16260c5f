import { inlineRows } from "./cst.ts";
import type { CstBlock, CstKey, CstKeyValue, CstPosition, CstSection, CstValue } from "./cst.ts";

/** Where something stands in a file; lines and columns (UTF-16 units) count from 1. */
export interface Spot {
  readonly line: number;
  readonly column: number;
}

/** A string (its value), or another scalar (its characters as the file has them). */
export interface TomlScalar {
  readonly kind: "string" | "integer" | "float" | "boolean" | "datetime";
  readonly text: string;
}

export interface TomlArray {
  readonly kind: "array";
  readonly items: TomlNode[];
}

/** Members are in a Map, so that a key such as `__proto__` or `constructor` is just a key. */
export interface TomlTable {
  readonly kind: "table";
  readonly members: Map<string, TomlMember>;
}

export interface TomlMember {
  /** Of the key, or of the header that first names it. */
  readonly at: Spot;
  readonly node: TomlNode;
}

export type TomlNode = TomlScalar | TomlArray | TomlTable;

/** A table that rows can stand in, with the line of its header (0 for the root). */
export interface Section {
  readonly line: number;
  readonly table: TomlTable;
}

export interface TomlTree {
  readonly root: TomlTable;
  /** In file order; the first is the root. */
  readonly sections: readonly Section[];
}

/** An empty table. */
export function newTable(): TomlTable {
  return { kind: "table", members: new Map() };
}

/** Members in file order: a Map has them in the order of their first mention by either reader. */
export function membersInOrder(table: TomlTable): [string, TomlMember][] {
  return [...table.members].toSorted(
    ([, a], [, b]) => a.at.line - b.at.line || a.at.column - b.at.column,
  );
}

/**
 * Turns a syntax tree of a file without duplicates into plain tables with places.
 *
 * @param lineOf - maps a line of the parsed text to a line of the file
 */
export function buildTree(blocks: readonly CstBlock[], lineOf: (line: number) => number): TomlTree {
  const spot = ({ line, column }: CstPosition): Spot => ({
    line: lineOf(line),
    column: column + 1,
  });
  const root = newTable();
  const sections: Section[] = [{ line: 0, table: root }];
  for (const block of blocks) {
    if (block.type === "KeyValue") addRow(root, block, spot);
    else if (block.type !== "Comment") {
      const table = addSection(root, block, spot);
      sections.push({ line: lineOf(block.loc.start.line), table });
    }
  }
  return { root, sections };
}

type ToSpot = (position: CstPosition) => Spot;

function addSection(root: TomlTable, section: CstSection, spot: ToSpot): TomlTable {
  const key = section.key.item;
  const at = spot(section.key.loc.start);
  const [parent, name] = descend(root, key, at);
  const table = section.type === "Table" ? tableAt(parent, name, at) : newElement(parent, name, at);
  for (const row of section.items) if (row.type === "KeyValue") addRow(table, row, spot);
  return table;
}

function addRow(table: TomlTable, row: CstKeyValue, spot: ToSpot): void {
  const at = spot(row.key.loc.start);
  const [parent, name] = descend(table, row.key, at);
  parent.members.set(name, { at, node: nodeOf(row.value, spot) });
}

/** Walks all parts of a key but the last, making tables on the way. */
function descend(from: TomlTable, key: CstKey, at: Spot): [TomlTable, string] {
  let table = from;
  for (const part of key.value.slice(0, -1)) table = tableAt(table, part, at);
  return [table, key.value.at(-1) ?? ""];
}

/** The table of that name, or the newest element when it is an array of tables. */
function tableAt(parent: TomlTable, name: string, at: Spot): TomlTable {
  const node = parent.members.get(name)?.node;
  if (node?.kind === "table") return node;
  const last = node?.kind === "array" ? node.items.at(-1) : undefined;
  if (last?.kind === "table") return last;
  const table = newTable();
  parent.members.set(name, { at, node: table });
  return table;
}

function newElement(parent: TomlTable, name: string, at: Spot): TomlTable {
  const node = parent.members.get(name)?.node;
  const table = newTable();
  if (node?.kind === "array") node.items.push(table);
  else parent.members.set(name, { at, node: { kind: "array", items: [table] } });
  return table;
}

const SCALARS = {
  String: "string",
  Integer: "integer",
  Float: "float",
  Boolean: "boolean",
  DateTime: "datetime",
} as const;

function nodeOf(value: CstValue, spot: ToSpot): TomlNode {
  if (value.type === "InlineArray") {
    const items = value.items.filter((item) => item.type === "InlineItem");
    return { kind: "array", items: items.map(({ item }) => nodeOf(item, spot)) };
  }
  if (value.type === "InlineTable") {
    const table = newTable();
    for (const { item } of inlineRows(value)) addRow(table, item, spot);
    return table;
  }
  if (value.type === "String") return { kind: "string", text: String(value.value) };
  return { kind: SCALARS[value.type], text: value.raw ?? String(value.value) };
}
