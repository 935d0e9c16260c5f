import type { Manifest } from "./model.ts";
import { readSimpleFile } from "./simple-file.ts";
import { isTooLarge, normalizeText } from "./text.ts";
import { validateManifest } from "./validate.ts";
import type { ManifestContext } from "./validate.ts";

/**
 * The same as parseManifest, but loads the TOML libraries (a third of a start of Node) only for a
 * file that needs them. `ls` and `check` live on it.
 *
 * @throws {@link ManifestError} as parseManifest
 */
export async function parseManifestLazily(
  text: string,
  context: ManifestContext,
): Promise<Manifest> {
  const table = isTooLarge(text) ? null : readSimpleFile(normalizeText(text));
  if (table) return validateManifest(table, context);
  const { parseManifest } = await import("./parse.ts");
  return parseManifest(text, context);
}
