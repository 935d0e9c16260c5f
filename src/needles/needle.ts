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

/** How the value is written in a needle; shown in findings. `line` is one line of a longer value. */
export type Encoding = "raw" | "base64" | "base64url" | "hex" | "percent" | "json" | "line";

/** Overwrites the bytes of every needle with zeros. Safe to repeat. */
export function wipeNeedles(needles: readonly Needle[]): void {
  for (const { bytes } of needles) bytes.fill(0);
}
