import { isWrapping, SHORTEST_LINE } from "./anchors.ts";
import type { Needle } from "./needle.ts";
import { Candidate } from "./occurrence.ts";
import { LONGEST_GAP, maySeparate } from "./separators.ts";

/** Says how much of a text's end may still turn into a needle when more text comes. */
export class Tails {
  /** Most bytes of text that a needle takes, with breaks between its lines; 0 without needles. */
  readonly longest: number;
  readonly #byFirst: ReadonlyMap<number, readonly Tail[]>;

  /** @param needles - stay the caller's to wipe; after that, this finds nothing */
  constructor(needles: readonly Needle[]) {
    const tails = needles.map(tailOf);
    this.longest = tails.reduce((most, { longest }) => Math.max(most, longest), 0);
    this.#byFirst = Map.groupBy(tails, ({ needle }) => needle.bytes[0] ?? 0);
  }

  /** Where the longest tail begins that could be the beginning of a needle; else the length. */
  start(text: Buffer): number {
    const first = Math.max(0, text.length - this.longest + 1);
    for (let at = first; at < text.length; at++) {
      const group = this.#byFirst.get(text[at] ?? 0);
      if (group?.some((tail) => mayBegin(tail, text, at)) === true) return at;
    }
    return text.length;
  }
}

interface Tail {
  readonly needle: Needle;
  readonly wraps: boolean;
  readonly longest: number;
}

function tailOf(needle: Needle): Tail {
  const wraps = isWrapping(needle);
  const { length } = needle.bytes;
  const breaks = wraps ? Math.ceil(length / SHORTEST_LINE) : 0;
  return { needle, wraps, longest: length + breaks * LONGEST_GAP };
}

/** True when the text from `at` on is a proper beginning of the needle. */
function mayBegin({ needle, wraps, longest }: Tail, text: Buffer, at: number): boolean {
  const length = text.length - at;
  if (length >= longest) return false;
  if (!wraps) return needle.bytes.compare(text, at, text.length, 0, length) === 0;
  const second = text[at + 1];
  if (second !== undefined && second !== needle.bytes[1] && !maySeparate(second)) return false;
  const candidate = new Candidate(needle, at, wraps);
  return candidate.read(text.subarray(at)) && !candidate.isComplete;
}
