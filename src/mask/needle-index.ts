import { GRAM_FACTOR, GRAM_LENGTH, gramAt } from "../needles/grams.ts";
import type { Needle } from "../needles/needle.ts";

/**
 * Finds needles in text that is in memory.
 *
 * The search of `needles/` is made for gigabytes and takes its time to prepare; a mask's first
 * output waits for this one, and a thousand secrets have 30,000 needles. So only a few 4-grams of
 * each needle are registered, from its middle, since the secrets of one issuer begin alike, and
 * the text is probed as often as it takes to meet one of them.
 */
export class NeedleIndex {
  readonly #needles: readonly Needle[];
  /** Distance of probes: so many 4-grams in a row are registered, and one of them is met. */
  readonly #stride: number;
  /** Chains of entries, one for each slot: the number of the first entry, from 1. */
  readonly #slots: Int32Array;
  readonly #shift: number;
  /** By entry: the next one of its chain, and its 4-gram. Entries of a needle follow each other. */
  readonly #next: Int32Array;
  readonly #grams: Int32Array;

  /** @param needles - of at least 4 bytes; stay the caller's to wipe, after which nothing is found */
  constructor(needles: readonly Needle[]) {
    this.#needles = needles;
    const shortest = needles.reduce(
      (least, { bytes }) => Math.min(least, bytes.length),
      MOST_GRAMS + GRAM_LENGTH,
    );
    if (shortest < GRAM_LENGTH) throw new RangeError("a needle has at least 4 bytes");
    this.#stride = Math.min(shortest - GRAM_LENGTH + 1, MOST_GRAMS);
    const entries = needles.length * this.#stride;
    const bits = Math.ceil(Math.log2(Math.max(LEAST_SLOTS, entries * SLOTS_PER_ENTRY)));
    this.#shift = 32 - bits;
    this.#slots = new Int32Array(2 ** bits);
    this.#next = new Int32Array(entries + 1);
    this.#grams = new Int32Array(entries + 1);
    for (const [index, { bytes }] of needles.entries()) this.#register(bytes, index);
  }

  /** Calls `visit` for every occurrence, in no particular order. */
  visit(text: Buffer, visit: (start: number, end: number) => void): void {
    if (this.#needles.length === 0) return;
    // locals: this loop is what a byte of output costs
    const [slots, shift, stride] = [this.#slots, this.#shift, this.#stride];
    for (let at = 0; at + GRAM_LENGTH <= text.length; at += stride) {
      const gram = gramAt(text, at);
      let entry = slots[slotOf(gram, shift)] ?? 0;
      for (; entry !== 0; entry = this.#next[entry] ?? 0) {
        if (this.#grams[entry] === gram) this.#check(text, { at, entry, visit });
      }
    }
  }

  /** Forgets the grams. */
  wipe(): void {
    for (const numbers of [this.#slots, this.#next, this.#grams]) numbers.fill(0);
  }

  #register(bytes: Buffer, index: number): void {
    const middle = this.#middleOf(bytes);
    for (let i = 0; i < this.#stride; i++) {
      const entry = index * this.#stride + i + 1;
      const gram = gramAt(bytes, middle + i);
      const slot = slotOf(gram, this.#shift);
      this.#grams[entry] = gram;
      this.#next[entry] = this.#slots[slot] ?? 0;
      this.#slots[slot] = entry;
    }
  }

  /** Where the registered 4-grams of a needle begin. */
  #middleOf(bytes: Buffer): number {
    return (bytes.length - GRAM_LENGTH - this.#stride + 1) >> 1;
  }

  #check(
    text: Buffer,
    { at, entry, visit }: { at: number; entry: number; visit: (s: number, e: number) => void },
  ): void {
    const index = Math.floor((entry - 1) / this.#stride);
    const bytes = this.#needles[index]?.bytes;
    if (bytes === undefined) return;
    const start = at - this.#middleOf(bytes) - (entry - 1 - index * this.#stride);
    const end = start + bytes.length;
    if (start < 0 || end > text.length) return;
    if (bytes.compare(text, start, end) === 0) visit(start, end);
  }
}

/** 4-grams of a needle that are registered at most: a fifth of the probes for five times the table. */
const MOST_GRAMS = 5;

/** Slots of the table: of eight probes of text that has nothing to hide, seven end at once. */
const SLOTS_PER_ENTRY = 8;
const LEAST_SLOTS = 4096;

function slotOf(gram: number, shift: number): number {
  return Math.imul(gram, GRAM_FACTOR) >>> shift;
}
