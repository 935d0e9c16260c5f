import { GRAM_LENGTH } from "./grams.ts";
import { canWrap, LONGEST_GAP } from "./separators.ts";
import type { Needle } from "./needle.ts";

/**
 * Which pieces of needles are looked for: windows of one length, as rare as can be.
 *
 * A needle that wraps has two of them. They share no byte and lie within {@link SHORTEST_LINE}
 * bytes, so that breaks between lines of that length or longer leave one of them whole, at any
 * column. A needle shorter than two windows has two that overlap, and is missed when a break goes
 * through both.
 */

/** Lines of wrapped text that are promised to be found are as long as this, or longer. */
export const SHORTEST_LINE = 32;

/**
 * Longest window: more grams win nothing. With needles that wrap, two have to lie within a line, and
 * as many needles as can be get two; below `least` the search would become slow.
 */
const WINDOW = { plain: 32, wrapped: { least: 8, most: SHORTEST_LINE / 2 } };

/** Windows begin within these first bytes, so that a search keeps little of the text behind it. */
const REACH = { plain: 512, wrapped: 64 };

/** The windows of one table. */
export class Anchors {
  /** Distance of probes: each window has grams at as many places. */
  readonly stride: number;
  /** Length of the windows, in bytes. */
  readonly window: number;

  /** @throws RangeError when a needle is shorter than 4 bytes */
  constructor(needles: readonly Needle[]) {
    this.window = windowFor(needles);
    this.stride = this.window - GRAM_LENGTH + 1;
  }

  /** Starts of the windows of a needle, in order. */
  of({ bytes }: Needle, wraps: boolean): readonly number[] {
    const length = this.window;
    const last = bytes.length - length;
    if (!wraps) return [rarest(bytes, { from: 0, to: Math.min(last, REACH.plain), length })];
    if (last < length) return last === 0 ? [0] : [0, last];
    const to = Math.min(last - length, REACH.wrapped);
    const first = rarest(bytes, { from: 0, to, length });
    const latest = Math.min(last, first + SHORTEST_LINE - length);
    return [first, rarest(bytes, { from: first + length, to: latest, length })];
  }

  /** Bytes of text before a probe that an occurrence may begin, when it hits these windows. */
  reach(starts: readonly number[], wraps: boolean): number {
    const last = (starts.at(-1) ?? 0) + this.stride;
    return wraps ? last * (1 + LONGEST_GAP) : last;
  }
}

/** True when a search finds the needle with line breaks in it. */
export function isWrapping({ bytes, wraps }: Needle): boolean {
  return wraps === true && canWrap(bytes);
}

function windowFor(needles: readonly Needle[]): number {
  let [shortest, wrapping] = [Infinity, Infinity];
  for (const needle of needles) {
    const { length } = needle.bytes;
    shortest = Math.min(shortest, length);
    if (length < wrapping && isWrapping(needle)) wrapping = length;
  }
  if (shortest < GRAM_LENGTH) throw new RangeError("a needle has at least 4 bytes");
  if (wrapping === Infinity) return Math.min(shortest, WINDOW.plain);
  const half = Math.floor(wrapping / 2);
  return Math.min(shortest, WINDOW.wrapped.most, Math.max(WINDOW.wrapped.least, half));
}

/** Start of the window, in [from, to], whose bytes are rarest in system files: fewer candidates. */
function rarest(
  bytes: Uint8Array,
  { from, to, length }: { readonly from: number; readonly to: number; readonly length: number },
): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += commonness(bytes, from + i);
  let [best, least] = [from, sum];
  for (let start = from + 1; start <= to; start++) {
    sum += commonness(bytes, start + length - 1) - commonness(bytes, start - 1);
    if (sum < least) [best, least] = [start, sum];
  }
  return best;
}

function commonness(bytes: Uint8Array, at: number): number {
  return COMMONNESS[bytes[at] ?? 0] ?? 0;
}

/** Rough frequency of byte values in programs and text; only the order matters. */
const COMMONNESS = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0) return 64;
  if (byte === 0x20) return 24;
  if ("etaoinsr".includes(String.fromCharCode(byte))) return 16;
  if (byte >= 0x61 && byte <= 0x7a) return 8;
  if (byte === 0x0a || byte === 0x2d || byte === 0xff) return 8;
  return byte >= 0x80 ? 3 : 4;
});
