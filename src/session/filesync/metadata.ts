/** What the engine wants of a DiffCopy call: repeated, maybe encoded headers. */
import type { FilterPatterns } from "./filter.ts";

/** A call's wishes. */
export interface DiffCopyRequest {
  /** `context`, `dockerfile`, or a named context. */
  readonly dir: string;
  readonly patterns: FilterPatterns;
}

/**
 * Reads the headers in wire order: node's own object joins repeated ones with a comma, which a
 * pattern may have itself.
 *
 * @param rawHeaders - name, value, name, value …
 */
export function readMetadata(rawHeaders: readonly string[]): DiffCopyRequest {
  const values = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    const list = values.get(name) ?? [];
    list.push(rawHeaders[at + 1] ?? "");
    values.set(name, list);
  }
  return {
    dir: read(values, "dir-name")?.[0] ?? "",
    patterns: {
      excludes: read(values, "exclude-patterns"),
      includes: read(values, "include-patterns"),
      followPaths: read(values, "followpaths"),
    },
  };
}

/** Engines before 23.0 send other than ASCII as it is, later ones say that they encode. */
function read(values: ReadonlyMap<string, readonly string[]>, key: string): string[] | undefined {
  // as strconv.ParseBool
  const encoded = /^(1|t|T|true|TRUE|True)$/.test(values.get(`${key}-encoded`)?.[0] ?? "");
  return values.get(key)?.map((value) => (encoded ? queryUnescape(value) : fromBytes(value)));
}

/** Node reads header bytes as Latin-1. */
function fromBytes(value: string): string {
  return Buffer.from(value, "latin1").toString("utf8");
}

/** Go's `url.QueryUnescape`, which gives nothing for what is malformed. */
function queryUnescape(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll("+", " "));
  } catch {
    return "";
  }
}
