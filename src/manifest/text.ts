/**
 * Largest manifest, in bytes of UTF-8. Some 5,000 sealed values fit; a file beyond it is a mistake
 * or an attack, and reading it would cost seconds.
 */
export const MAX_MANIFEST_BYTES = 1024 * 1024;

/** Drops a BOM and turns CRLF into LF: `@iarna/toml` refuses both. Values get LF, as TOML allows. */
export function normalizeText(text: string): string {
  const body = text.startsWith("\uFEFF") ? text.slice(1) : text;
  return body.includes("\r") ? body.replaceAll("\r\n", "\n") : body;
}

/** Whether a text is larger than {@link MAX_MANIFEST_BYTES}. */
export function isTooLarge(text: string): boolean {
  return Buffer.byteLength(text) > MAX_MANIFEST_BYTES;
}
