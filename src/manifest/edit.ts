import { checkEdit, readForEdit } from "./edit-check.ts";
import type { Edit } from "./edit-check.ts";
import { insertion } from "./edit-insert.ts";
import type { Splice } from "./edit-insert.ts";
import { removal } from "./edit-remove.ts";
import { Located, isSamePath, isUnder } from "./locate.ts";
import type { TomlNode } from "./tree-model.ts";

/** Which entry to edit. */
export interface EntryPath {
  /** `["env", "prod"]`, `["build_secrets"]`, `["seal", "keys"]`, or an entry's own table. */
  readonly section: readonly string[];
  readonly name: string;
  /** Name of the file as errors show it. */
  readonly file?: string;
}

/**
 * Sets one key of a manifest's text and touches nothing else: comments, order, line ends, BOM and
 * a missing final line end survive.
 *
 * An existing value is replaced where it stands. A new key goes behind the last one of its
 * section, in the section's own form (rows, dotted keys or an inline table); a new section goes to
 * the end of the file.
 *
 * @param o.value - TOML text of the value, such as `{ encrypted = "…" }`
 * @throws ManifestError when the text is no valid TOML; MANIFEST_EDIT_REFUSED when the key is a
 *   section of its own, or the result would differ in more than the one key
 */
export function setEntry(text: string, o: EntryPath & { readonly value: string }): string {
  const path = [...o.section, o.name];
  const edit: Edit = { path, file: o.file ?? "iterapp.toml" };
  const before = readForEdit(text, edit);
  const located = new Located(text);
  const existing = located.rows.find((row) => isSamePath(row.path, path));
  const splice = existing
    ? replacement(located, existing.row.value.loc, o.value)
    : insertion(located, o.section, { name: o.name, value: o.value });
  const result = apply(text, splice);
  checkEdit({ before, edit, value: o.value, result });
  return result;
}

/**
 * Removes one key from a manifest's text: its line, or its item of an inline table, or, when it is
 * a section of its own, the header and its rows. Comments on lines of their own stay.
 *
 * @returns null when the key is not there
 * @throws ManifestError as {@link setEntry}
 */
export function removeEntry(text: string, o: EntryPath): string | null {
  const path = [...o.section, o.name];
  const edit: Edit = { path, file: o.file ?? "iterapp.toml" };
  const before = readForEdit(text, edit);
  let result = text;
  // an entry may be spread over several dotted rows: one after the other, each found afresh
  for (let splice = nextRemoval(result, path); splice; splice = nextRemoval(result, path)) {
    result = apply(result, splice);
  }
  if (result === text) return null;
  checkEdit({ before, edit, result });
  return result;
}

/** How an entry is written: as attributes, as one bare value, or not at all. */
export function formOf(text: string, o: EntryPath): "table" | "value" | null {
  const edit: Edit = { path: [...o.section, o.name], file: o.file ?? "iterapp.toml" };
  let node: TomlNode | undefined = readForEdit(text, edit);
  for (const part of edit.path) {
    node = node?.kind === "table" ? node.members.get(part)?.node : undefined;
  }
  if (!node) return null;
  return node.kind === "table" ? "table" : "value";
}

function nextRemoval(text: string, path: readonly string[]): Splice | null {
  const located = new Located(text);
  const row = located.rows.find((candidate) => isUnder(candidate.path, path));
  if (row) return removal(located, row);
  const header = located.sections.find((candidate) => isUnder(candidate.path, path));
  return header ? removal(located, header) : null;
}

function replacement(
  located: Located,
  {
    start,
    end,
  }: { start: { line: number; column: number }; end: { line: number; column: number } },
  value: string,
): Splice {
  return { from: located.offset(start), to: located.offset(end), text: value };
}

function apply(text: string, { from, to, text: inserted }: Splice): string {
  return text.slice(0, from) + inserted + text.slice(to);
}
