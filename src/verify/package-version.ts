import { readFileSync } from "node:fs";
import { field, parsed, text } from "./json.ts";

/**
 * The version of this package; empty where its files were put together anew. In the sources, in `dist`
 * and in the bundle of the command line this file is two folders below the package's root.
 */
export function packageVersion(): string {
  try {
    const bytes = readFileSync(new URL("../../package.json", import.meta.url));
    return text(field(parsed(bytes), "version")) ?? "";
  } catch {
    return "";
  }
}
