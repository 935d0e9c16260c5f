import type { Needle } from "./needle.ts";

/** Says how much of a text's end may still turn into a needle when more text comes. */
export class Tails {
  /** Length of the longest needle; 0 without needles. */
  readonly longest: number;
  readonly #byFirst: ReadonlyMap<number, readonly Needle[]>;

  /** @param needles - stay the caller's to wipe; after that, this finds nothing */
  constructor(needles: readonly Needle[]) {
    this.longest = needles.reduce((most, { bytes }) => Math.max(most, bytes.length), 0);
    this.#byFirst = Map.groupBy(needles, ({ bytes }) => bytes[0] ?? 0);
  }

  /** Where the longest tail begins that could be the beginning of a needle; else the length. */
  start(text: Buffer): number {
    const first = Math.max(0, text.length - this.longest + 1);
    for (let at = first; at < text.length; at++) {
      const group = this.#byFirst.get(text[at] ?? 0);
      if (group?.some(({ bytes }) => mayBegin(bytes, text, at)) === true) return at;
    }
    return text.length;
  }
}

/** True when the text from `at` on is a proper beginning of the needle. */
function mayBegin(needle: Buffer, text: Buffer, at: number): boolean {
  const length = text.length - at;
  return length < needle.length && needle.compare(text, at, text.length, 0, length) === 0;
}
