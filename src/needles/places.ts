import { GRAM_LENGTH } from "./grams.ts";
import { maySeparate } from "./separators.ts";

/** What a place is: `offset` is that of the gram in the needle with this index. */
export interface Place {
  readonly needle: number;
  readonly offset: number;
  /** The needle may have line breaks in it. */
  readonly wraps: boolean;
}

/** What is in a place's words of its needle. */
export interface PlacedNeedle {
  readonly bytes: Uint8Array;
  readonly wraps: boolean;
}

/** Words of a place: needle, offset, number of the next place, neighbours. */
const WORDS = 4;
const OFFSET = 1;
const NEXT = 2;
const NEIGHBOURS = 3;

/** In the neighbours: the byte before the gram, the one after it, and these. */
const AFTER_SHIFT = 8;
const HAS_BEFORE = 1 << 16;
const HAS_AFTER = 1 << 17;
const WRAPS = 1 << 18;

/**
 * The places of grams in needles, as lists of those with the same gram; place 0 is none. In one
 * array, and with the bytes beside each gram: most candidates are dismissed with one look at memory.
 */
export class Places {
  readonly #words: Uint32Array;
  #count = 0;

  constructor(most: number) {
    this.#words = new Uint32Array(WORDS * (most + 1));
  }

  /**
   * @param needle - its index
   * @returns the number of the place
   */
  add(needle: number, offset: number, { bytes, wraps }: PlacedNeedle): number {
    const place = ++this.#count;
    const end = offset + GRAM_LENGTH;
    let neighbours = wraps ? WRAPS : 0;
    if (offset > 0) neighbours |= HAS_BEFORE | (bytes[offset - 1] ?? 0);
    if (end < bytes.length) neighbours |= HAS_AFTER | ((bytes[end] ?? 0) << AFTER_SHIFT);
    const at = WORDS * place;
    this.#words[at] = needle;
    this.#words[at + OFFSET] = offset;
    this.#words[at + NEIGHBOURS] = neighbours;
    return place;
  }

  /** Puts a place before another in the list of its gram. */
  link(place: number, next: number): void {
    this.#words[WORDS * place + NEXT] = next;
  }

  /** The next place of the same gram. */
  next(place: number): number {
    return this.#words[WORDS * place + NEXT] ?? 0;
  }

  /** False when the bytes beside the gram can't be the needle's. */
  mayBe(place: number, text: Uint8Array, at: number): boolean {
    const neighbours = this.#words[WORDS * place + NEIGHBOURS] ?? 0;
    return (
      ((neighbours & HAS_BEFORE) === 0 || fits(text[at - 1], neighbours, neighbours & 255)) &&
      // what comes after may not have come yet
      ((neighbours & HAS_AFTER) === 0 ||
        at + GRAM_LENGTH >= text.length ||
        fits(text[at + GRAM_LENGTH], neighbours, (neighbours >>> AFTER_SHIFT) & 255))
    );
  }

  get(place: number): Place {
    return {
      needle: this.#words[WORDS * place] ?? 0,
      offset: this.#words[WORDS * place + OFFSET] ?? 0,
      wraps: ((this.#words[WORDS * place + NEIGHBOURS] ?? 0) & WRAPS) !== 0,
    };
  }

  wipe(): void {
    this.#words.fill(0);
  }
}

function fits(byte: number | undefined, neighbours: number, wanted: number): boolean {
  return byte === wanted || ((neighbours & WRAPS) !== 0 && maySeparate(byte));
}
