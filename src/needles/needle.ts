/**
 * One byte form of a secret to look for. Masking and verifying share them (design.md: "needle").
 *
 * The bytes are plaintext or an encoding of it: never print, log or copy them, and wipe them with
 * {@link wipeNeedles}.
 */
export interface Needle {
  /** Name of the secret, as in `Secret.name`. */
  readonly secret: string;
  readonly encoding: Encoding;
  /** Memory of its own (`Buffer.alloc`), never Node's shared pool. */
  readonly bytes: Buffer;
  /**
   * True for text that tools break into lines, such as base64: a search finds it with line breaks,
   * indentation and the like between its bytes too. Without effect on bytes that hold such
   * characters themselves (separators.ts).
   */
  readonly wraps?: boolean;
}

/**
 * How the value is written in a needle, from the plainest on; shown in findings and described in
 * docs/verify.md.
 */
export const ENCODINGS = [
  "raw",
  "login",
  "json",
  "json-twice",
  "shell",
  "html",
  "percent",
  "base64",
  "base64url",
  "base64-twice",
  "base32",
  "hex",
  "utf16",
  "pem",
  "line",
  "jwt",
] as const;

/**
 * One of {@link ENCODINGS}. Parts of a value: `line` is one line, `pem` the body of a key without
 * its line breaks, `jwt` one part of a token; `login` is a user name with its password.
 */
export type Encoding = (typeof ENCODINGS)[number];

/** Overwrites the bytes of every needle with zeros. Safe to repeat. */
export function wipeNeedles(needles: readonly Needle[]): void {
  for (const { bytes } of needles) bytes.fill(0);
}
