import { inlineRows } from "./cst.ts";
import type { CstBlock, CstKey, CstKeyValue, CstPosition, CstSection, CstValue } from "./cst.ts";
import { newTable } from "./tree-model.ts";
import type { Section, Spot, TomlNode, TomlTable, TomlTree } from "./tree-model.ts";

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
