import type { Hit } from "../../needles/search.ts";

/** The hits of a file as it is, as far as none of its members has them too. */
export class OpenHits {
  #hits: readonly Hit[];

  constructor(hits: readonly Hit[]) {
    this.#hits = hits;
  }

  get left(): readonly Hit[] {
    return this.#hits;
  }

  /** Hits that begin in a member that is stored as it is, by the member's own offsets. */
  take(start: number, end: number): Hit[] {
    if (this.#hits.length === 0) return [];
    const taken = this.#hits.filter(({ offset }) => offset >= start && offset < end);
    this.#hits = this.#hits.filter(({ offset }) => offset < start || offset >= end);
    return taken.map((hit) => ({ ...hit, offset: hit.offset - start }));
  }
}
