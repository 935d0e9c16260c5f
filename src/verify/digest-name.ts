/** Digests by the names that archives give to what they name. Pure. */

/** The config's digest from its name: a digest, a path in a layout, or `ab….json` (legacy). */
export function digestOf(name: string): string {
  const hex = /(?<hex>[0-9a-f]{64})(?:\.json)?$/u.exec(name)?.groups?.["hex"];
  return hex === undefined ? name : `sha256:${hex}`;
}

/** A layer's digest from its name; undefined in the legacy layout, which has none. */
export function layerDigest(name: string): string | undefined {
  if (/^sha\d+:/u.test(name)) return name;
  return name.startsWith("blobs/") ? digestOf(name) : undefined;
}

/** `sha256:ab…` is `blobs/sha256/ab…` in a layout. */
export function blobName(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}
