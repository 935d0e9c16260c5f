import { BASE64_DIGITS, BASE64URL_DIGITS } from "./encode.ts";

/**
 * What a text must have, so that forms of a value can be in it. A mask makes the needles that a text
 * could hold, no others: a line of words has none of the twenty that are one long word each.
 */
export interface Traces {
  /** Bytes of the longest piece that one alphabet of base64 could have written, or hex, or base32. */
  readonly run: number;
  /** Something that every escaped form has. */
  readonly hasEscapes: boolean;
  readonly hasZeros: boolean;
}

/** Of a text that may hold anything. */
export const ANY_TRACES: Traces = { run: Infinity, hasEscapes: true, hasZeros: true };

/** The traces that stand in a text. */
export function tracesOf(text: Buffer): Traces {
  return {
    run: longestRun(text),
    hasEscapes: ESCAPES.some((escape) => text.includes(escape)),
    hasZeros: text.includes(0),
  };
}

/** Every escape of escapes.ts has one of them: JSON and shells, HTML, URLs, forms, and Python's shlex. */
const ESCAPES = ["\\", "&", "%", "+", `"'"`];

function longestRun(text: Buffer): number {
  let [longest, standard, urlSafe] = [0, 0, 0];
  for (let i = 0; i < text.length; i++) {
    const alphabets = ALPHABETS[text[i] ?? 0] ?? 0;
    standard = (alphabets & STANDARD) === 0 ? 0 : standard + 1;
    urlSafe = (alphabets & URL_SAFE) === 0 ? 0 : urlSafe + 1;
    longest = Math.max(longest, standard, urlSafe);
  }
  return longest;
}

const STANDARD = 1;
const URL_SAFE = 2;

const ALPHABETS = new Uint8Array(256);
for (const [digits, alphabet] of [
  [BASE64_DIGITS, STANDARD],
  [BASE64URL_DIGITS, URL_SAFE],
] as const) {
  for (const byte of digits) ALPHABETS[byte] = (ALPHABETS[byte] ?? 0) | alphabet;
}
