import type { TomlArray, TomlNode, TomlScalar, TomlTable } from "./tree-model.ts";

/**
 * Compares what `@iarna/toml` read with the tree from toml-patch.
 *
 * Numbers and dates are compared by kind only: `@iarna/toml` misreads a few legal ones (exponents,
 * local times), and sealmount uses their characters, not their value.
 *
 * @returns the path of the first difference, or null when both readers agree
 */
export function firstDifference(tree: TomlTable, read: unknown): readonly string[] | null {
  return difference(tree, read, []);
}

type Path = readonly string[];

function difference(node: TomlNode, read: unknown, path: Path): Path | null {
  if (node.kind === "table") return tableDifference(node, read, path);
  if (node.kind === "array") return arrayDifference(node, read, path);
  return isSameScalar(node, read) ? null : path;
}

function isSameScalar({ kind, text }: TomlScalar, read: unknown): boolean {
  if (kind === "string") return read === text;
  if (kind === "boolean") return read === (text === "true");
  if (kind === "datetime") return read instanceof Date;
  return typeof read === "number" || typeof read === "bigint";
}

function arrayDifference({ items }: TomlArray, read: unknown, path: Path): Path | null {
  if (!Array.isArray(read) || read.length !== items.length) return path;
  return firstOf(items, (item, index) => difference(item, read[index], path));
}

function tableDifference({ members }: TomlTable, read: unknown, path: Path): Path | null {
  if (!isPlainObject(read)) return path;
  const extra = Object.keys(read).find((name) => !members.has(name));
  if (extra !== undefined) return [...path, extra];
  return firstOf(members, ([name, { node }]) => {
    const inner = [...path, name];
    // own properties only: `constructor` would else be found on every object
    return Object.hasOwn(read, name) ? difference(node, read[name], inner) : inner;
  });
}

function isPlainObject(read: unknown): read is Readonly<Record<string, unknown>> {
  return (
    typeof read === "object" && read !== null && !Array.isArray(read) && !(read instanceof Date)
  );
}

function firstOf<T>(
  items: Iterable<T>,
  find: (item: T, index: number) => Path | null,
): Path | null {
  let index = 0;
  for (const item of items) {
    const found = find(item, index++);
    if (found) return found;
  }
  return null;
}
