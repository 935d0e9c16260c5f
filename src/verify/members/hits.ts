import type { Hit } from "../../needles/search.ts";

/** The hits of a file as it is, as far as none of its members has them too. */
export class OpenHits {
  readonly #base: number;
  #hits: readonly Hit[];

  /** @param base - where what is opened begins in the file */
  constructor(hits: readonly Hit[], base = 0) {
    this.#hits = hits;
    this.#base = base;
  }

  get left(): readonly Hit[] {
    return this.#hits;
  }

  /** Hits that begin in a member that is stored as it is, by the member's own offsets. */
  take(start: number, end: number): Hit[] {
    if (this.#hits.length === 0) return [];
    const [from, to] = [start + this.#base, end + this.#base];
    const taken = this.#hits.filter(({ offset }) => offset >= from && offset < to);
    this.#hits = this.#hits.filter(({ offset }) => offset < from || offset >= to);
    return taken.map((hit) => ({ ...hit, offset: hit.offset - from }));
  }
}
