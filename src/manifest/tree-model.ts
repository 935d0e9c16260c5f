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
  const members = [...table.members];
  const isInOrder = members.every((member, i) => i === 0 || order(members[i - 1], member) <= 0);
  return isInOrder ? members : members.toSorted(order);
}

function order(a: [string, TomlMember] | undefined, b: [string, TomlMember]): number {
  const [from, to] = [a?.[1].at, b[1].at];
  return from ? from.line - to.line || from.column - to.column : 0;
}
