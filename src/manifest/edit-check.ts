import { ManifestError } from "../errors.ts";
import { Problems } from "./problems.ts";
import { readToml } from "./read-toml.ts";
import { isTooLarge } from "./text.ts";
import { dottedKey } from "./toml-text.ts";
import type { TomlNode, TomlTable } from "./tree-model.ts";

/** What is being edited. */
export interface Edit {
  readonly path: readonly string[];
  readonly file: string;
}

/** @throws ManifestError with every problem, when the text is no valid TOML */
export function readForEdit(text: string, { file }: Edit): TomlTable {
  const problems = new Problems(file);
  const table = readToml(text, problems);
  problems.throwIfAny();
  if (!table) throw new Error("a text that can't be read has no problem filed");
  return table;
}

/**
 * The post-condition of every edit: read again, only the one key differs, and it has the value
 * that was asked for. It turns a fault of the parser or of our splice into a clean error, before
 * anything is written.
 *
 * @param o.before - the tree before the edit; loses the edited key here
 * @param o.value - TOML text of the new value; undefined for a removal
 * @throws ManifestError MANIFEST_EDIT_REFUSED, or MANIFEST_TOO_LARGE when the file has grown too large
 */
export function checkEdit(o: {
  readonly before: TomlTable;
  readonly edit: Edit;
  readonly value?: string;
  readonly result: string;
}): void {
  const problems = new Problems(o.edit.file);
  const after = readToml(o.result, problems);
  if (isTooLarge(o.result)) problems.throwIfAny();
  if (!after) throw refused(o.edit);
  const { path } = o.edit;
  const isSet = takeOut(after, path);
  takeOut(o.before, path);
  const wanted = o.value === undefined ? null : valueNode(o.value);
  const isRight = wanted === null ? isSet === null : isSet !== null && isSame(isSet, wanted);
  if (!isRight || !isSame(o.before, after)) throw refused(o.edit);
}

function valueNode(value: string): TomlNode {
  const node = readToml(`value = ${value}`, new Problems(""))?.members.get("value")?.node;
  if (!node) throw new Error("the new value is no TOML");
  return node;
}

/** Takes a key out of a tree, and the tables above it that are empty then. */
function takeOut(table: TomlTable, [name, ...rest]: readonly string[]): TomlNode | null {
  const node = name === undefined ? undefined : table.members.get(name)?.node;
  if (name === undefined || node === undefined) return null;
  if (rest.length === 0) {
    table.members.delete(name);
    return node;
  }
  const found = node.kind === "table" ? takeOut(node, rest) : null;
  if (node.kind === "table" && node.members.size === 0) table.members.delete(name);
  return found;
}

function isSame(a: TomlNode, b: TomlNode): boolean {
  if (a.kind === "table" && b.kind === "table") return isSameTable(a, b);
  if (a.kind === "array" && b.kind === "array") {
    return (
      a.items.length === b.items.length && a.items.every((item, i) => isSameItem(item, b.items[i]))
    );
  }
  return a.kind === b.kind && "text" in a && "text" in b && a.text === b.text;
}

function isSameTable(a: TomlTable, b: TomlTable): boolean {
  if (a.members.size !== b.members.size) return false;
  return [...a.members].every(([name, { node }]) => isSameItem(node, b.members.get(name)?.node));
}

function isSameItem(a: TomlNode, b: TomlNode | undefined): boolean {
  return b !== undefined && isSame(a, b);
}

function refused({ path, file }: Edit): ManifestError {
  return new ManifestError([
    {
      code: "MANIFEST_EDIT_REFUSED",
      message: "this can't be edited without changing something else, so nothing was written",
      place: { file, key: dottedKey(path) },
      hint: `write it as one line of [${dottedKey(path.slice(0, -1))}], then try again`,
    },
  ]);
}
