import type { Needle } from "../needles/needle.ts";

/**
 * Says how much of a text's end may still turn into a needle when more text comes. Line breaks
 * inside of one are no matter here: a mask hides what stands in one piece.
 */
export class TailIndex {
  /** Length of the longest needle; 0 without needles. */
  readonly #longest: number;
  readonly #needles: readonly Needle[];
  /** By the first two bytes: the number of the first needle that begins so, from 1. */
  readonly #pairs = new Int32Array(0x10000);
  /** By number: the next needle that begins with the same two bytes. */
  readonly #next: Int32Array;
  /** Whether a needle begins with this byte. */
  readonly #firsts = new Uint8Array(256);

  /** @param needles - stay the caller's to wipe; after that, this finds nothing */
  constructor(needles: readonly Needle[]) {
    this.#needles = needles;
    this.#longest = needles.reduce((most, { bytes }) => Math.max(most, bytes.length), 0);
    this.#next = new Int32Array(needles.length + 1);
    for (const [index, { bytes }] of needles.entries()) {
      const pair = pairAt(bytes, 0);
      this.#next[index + 1] = this.#pairs[pair] ?? 0;
      this.#pairs[pair] = index + 1;
      this.#firsts[bytes[0] ?? 0] = 1;
    }
  }

  /** Where the longest tail begins that could be the beginning of a needle; else the length. */
  start(text: Buffer): number {
    const last = text.length - 1;
    for (let at = Math.max(0, text.length - this.#longest + 1); at < last; at++) {
      if (this.#mayBegin(text, at)) return at;
    }
    return last >= 0 && this.#firsts[text[last] ?? 0] === 1 ? last : text.length;
  }

  /** Forgets the pairs. */
  wipe(): void {
    this.#pairs.fill(0);
    this.#firsts.fill(0);
  }

  /** True when the text from `at` on, two bytes or more, is a proper beginning of a needle. */
  #mayBegin(text: Buffer, at: number): boolean {
    const length = text.length - at;
    let number = this.#pairs[pairAt(text, at)] ?? 0;
    for (; number !== 0; number = this.#next[number] ?? 0) {
      const bytes = this.#needles[number - 1]?.bytes;
      if (bytes === undefined || length >= bytes.length) continue;
      if (bytes.compare(text, at, text.length, 0, length) === 0) return true;
    }
    return false;
  }
}

function pairAt(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
