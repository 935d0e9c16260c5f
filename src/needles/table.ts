import { Anchors, isWrapping } from "./anchors.ts";
import { gramAt, GramTable } from "./grams.ts";
import type { Needle } from "./needle.ts";
import { startsBefore } from "./occurrence.ts";
import { Places } from "./places.ts";
import { makeScanner, nextGram } from "./scanner.ts";
import type { Scanner } from "./scanner.ts";
import { LONGEST_GAP } from "./separators.ts";

/**
 * The compiled form of many needles for an exact search: a sampled 4-gram filter.
 *
 * Of each needle a window of stride + 3 bytes is registered, that is `stride` 4-grams; the text is
 * probed only every `stride` bytes. Wherever the needle stands, exactly one probe falls on exactly
 * one of them: nothing is missed and nothing is found twice, by construction. A probe costs one
 * multiplication and one word of the filter; a hit in there is checked against the exact grams, then
 * byte by byte. Needles that wrap have two windows (anchors.ts).
 *
 * Immutable; one table serves any number of searches. Holds pieces of needles: wipe it.
 */
export class NeedleTable {
  readonly needles: readonly Needle[];
  /** Most bytes of text that a hit may span, line breaks included; 0 without needles. */
  readonly longest: number;
  /** Distance of probes, in bytes. */
  readonly stride: number;
  /** Bytes before a probe that a needle hit by it may begin. */
  readonly reach: number;
  readonly #registered: readonly Registered[];
  readonly #grams: GramTable;
  readonly #places: Places;
  #scanner: Scanner | undefined;

  /** @throws RangeError when a needle is shorter than 4 bytes */
  constructor(needles: readonly Needle[]) {
    const anchors = new Anchors(needles);
    this.needles = needles;
    this.stride = needles.length === 0 ? 1 : anchors.stride;
    this.#registered = needles.map((needle) => {
      const wraps = isWrapping(needle);
      return { needle, wraps, starts: anchors.of(needle, wraps) };
    });
    this.longest = most(this.#registered, ({ needle: { bytes }, wraps }) =>
      wraps ? bytes.length + (bytes.length - 1) * LONGEST_GAP : bytes.length,
    );
    this.reach = most(this.#registered, ({ starts, wraps }) => anchors.reach(starts, wraps));
    const windows = this.#registered.reduce((sum, { starts }) => sum + starts.length, 0);
    this.#grams = new GramTable(windows * this.stride);
    this.#places = new Places(windows * this.stride);
    for (const [index, needle] of this.#registered.entries()) this.#register(index, needle);
  }

  /** True when there is a scanner: to make one takes longer than to search a few bytes. */
  get hasScanner(): boolean {
    return this.#scanner !== undefined;
  }

  /** The scanner of this table, for one piece of text at a time. */
  scanner(): Scanner {
    return (this.#scanner ??= makeScanner(this.#grams, this));
  }

  /** As {@link Scanner.next}, in bytes that are somewhere else: slower, but they need not move. */
  next(text: Buffer, from: number, end: number): number {
    return nextGram(this.#grams, text, { from, end, stride: this.stride });
  }

  /**
   * Visits the places in a text where a needle may begin, as a probe sees them.
   *
   * @param at - a multiple of the stride away from the first probe of the stream
   */
  visit(text: Buffer, at: number, onStart: (start: Start) => void): void {
    const places = this.#places;
    let place = this.#grams.get(gramAt(text, at));
    for (; place > 0; place = places.next(place)) {
      if (!places.mayBe(place, text, at)) continue;
      const { needle: index, offset, wraps } = places.get(place);
      const registered = this.#registered[index];
      if (registered === undefined || offset > at) continue;
      const { needle } = registered;
      if (!wraps) onStart({ needle, wraps, start: at - offset });
      else {
        const starts = this.#wrapped(registered, { text, at, offset });
        for (const start of starts) onStart({ needle, wraps, start });
      }
    }
  }

  /** Forgets the grams; the table finds nothing any more. The needles stay with their owner. */
  wipe(): void {
    this.#grams.wipe();
    this.#places.wipe();
    this.#scanner?.wipe();
  }

  #wrapped(
    { needle, starts }: Registered,
    o: { readonly text: Buffer; readonly at: number; readonly offset: number },
  ): number[] {
    const { stride } = this;
    return startsBefore({
      ...o,
      needle: needle.bytes,
      isAnchor: (offset, at) =>
        (o.at - at) % stride === 0 &&
        starts.some((start) => offset >= start && offset < start + stride),
    });
  }

  #register(index: number, { needle: { bytes }, starts, wraps }: Registered): void {
    // locals: a thousand secrets have 250,000 places, and the first byte waits for them
    const [grams, places, stride] = [this.#grams, this.#places, this.stride];
    const placed = { bytes, wraps };
    let next = 0;
    for (const start of starts) {
      // two windows may overlap
      for (next = Math.max(next, start); next < start + stride; next++) {
        const place = places.add(index, next, placed);
        places.link(place, grams.put(gramAt(bytes, next), place));
      }
    }
  }
}

/** Where an occurrence may begin: in the text, and of what. */
export interface Start {
  readonly needle: Needle;
  /** True when it may have line breaks in it. */
  readonly wraps: boolean;
  readonly start: number;
}

interface Registered {
  readonly needle: Needle;
  readonly wraps: boolean;
  /** Starts of its windows. */
  readonly starts: readonly number[];
}

function most<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => Math.max(sum, of(item)), 0);
}
