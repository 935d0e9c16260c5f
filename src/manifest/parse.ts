import type { Manifest } from "./model.ts";
import { Problems } from "./problems.ts";
import { readToml } from "./read-toml.ts";
import { validateManifest } from "./validate.ts";
import type { ManifestContext } from "./validate.ts";

export type { ManifestContext } from "./validate.ts";

/**
 * Reads and validates a manifest. Top-level keys that are not ours belong to the platform and are
 * read past.
 *
 * Values in `[env.*]` may be strings, or numbers, booleans and dates, which become the text that
 * stands in the file (`PORT = 3000` is `3000`). A CRLF inside a multi-line string is read as LF.
 *
 * @param text - the whole file, with BOM and CRLF if it has them; at most 1 MiB
 * @throws {@link ManifestError} with every problem in file order; codes MANIFEST_TOO_LARGE,
 *   MANIFEST_SYNTAX, MANIFEST_DUPLICATE, MANIFEST_INVALID, VALUE_INVALID, UNSEAL_BASE64
 */
export function parseManifest(text: string, context: ManifestContext): Manifest {
  const problems = new Problems(context.file);
  const table = readToml(text, problems);
  problems.throwIfAny();
  if (!table) throw new Error("a manifest that can't be read has no problem filed");
  return validateManifest(table, context, problems);
}
