import type { EntryPath } from "../manifest/edit.ts";
import { SOURCE_ATTRIBUTES } from "../manifest/entry.ts";
import { tomlKey } from "../manifest/toml-text.ts";

/** An attribute of an entry: its name, and its value as TOML. */
export type Attribute = readonly [name: string, value: string];

/**
 * Writes a sealed entry into a manifest's text. An existing one keeps its other attributes, its
 * comments and its line; where its value came from before is taken out.
 *
 * @param attributes - `encrypted` among them
 * @throws ManifestError as `setEntry`
 */
export async function putEntry(
  text: string,
  at: EntryPath,
  attributes: readonly Attribute[],
): Promise<string> {
  const { formOf, removeEntry, setEntry } = await import("../manifest/edit.ts");
  if (formOf(text, at) !== "table") {
    const rows = attributes.map(([name, value]) => `${tomlKey(name)} = ${value}`);
    return setEntry(text, { ...at, value: `{ ${rows.join(", ")} }` });
  }
  const section = [...at.section, at.name];
  let result = text;
  for (const name of SOURCE_ATTRIBUTES) {
    if (name !== "encrypted") result = removeEntry(result, { ...at, section, name }) ?? result;
  }
  for (const [name, value] of attributes) {
    result = setEntry(result, { ...at, section, name, value });
  }
  return result;
}
