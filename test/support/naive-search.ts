/** The plainest search there is, to compare with: every place, every needle, byte by byte. */
import { isWrapping, SHORTEST_LINE } from "../../src/needles/anchors.ts";
import type { Needle } from "../../src/needles/needle.ts";

export interface NaiveHit {
  readonly offset: number;
  readonly length: number;
  /** Indices of the needle's bytes that have a separator before them. */
  readonly breaks: readonly number[];
}

export function naiveSearch({ bytes, wraps }: Needle, text: Buffer): NaiveHit[] {
  const found: NaiveHit[] = [];
  if (wraps !== true) {
    for (let at = text.indexOf(bytes); at >= 0; at = text.indexOf(bytes, at + 1)) {
      found.push({ offset: at, length: bytes.length, breaks: [] });
    }
    return found;
  }
  const latin1 = text.toString("latin1");
  for (let at = text.indexOf(bytes[0]!); at >= 0; at = text.indexOf(bytes[0]!, at + 1)) {
    const hit = wrappedAt(bytes, latin1, at);
    if (hit !== null) found.push(hit);
  }
  return found;
}

const SEPARATORS = /(?:[ \t\r\n]|\\+[nr\r\n])*/y;

function wrappedAt(bytes: Buffer, text: string, offset: number): NaiveHit | null {
  const breaks: number[] = [];
  let at = offset;
  for (const [index, byte] of bytes.entries()) {
    if (index > 0 && text.charCodeAt(at) !== byte) {
      SEPARATORS.lastIndex = at;
      const gap = SEPARATORS.exec(text)?.[0].length ?? 0;
      if (gap === 0 || gap > 64) return null;
      breaks.push(index);
      at += gap;
    }
    if (text.charCodeAt(at) !== byte) return null;
    at++;
  }
  return { offset, length: at - offset, breaks };
}

/** True for an occurrence that a search with windows of this length promises to find. */
export function isPromised(needle: Needle, { breaks }: NaiveHit, window: number): boolean {
  if (breaks.length === 0) return true;
  if (!isWrapping(needle)) return false;
  const { length } = needle.bytes;
  if (length >= 2 * window) {
    return breaks.every((at, i) => i === 0 || at - breaks[i - 1]! >= SHORTEST_LINE);
  }
  // two windows that overlap, at both ends
  return breaks.length === 1 && (breaks[0]! >= window || breaks[0]! <= length - window);
}
