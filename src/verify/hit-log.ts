import type { Encoding, Needle } from "../needles/needle.ts";
import type { Part } from "./model.ts";

/** Places kept for one secret in one blob: a leak in every file of a tree needs no longer list. */
export const PLACES_PER_SECRET = 100;

/** Occurrences of one secret in one place of a blob. Paths are not masked yet: not for showing. */
export interface LoggedPlace {
  readonly secret: string;
  readonly path: string;
  readonly part: Part;
  /** The first occurrence of each encoding, and how many there were. */
  readonly encodings: Map<Encoding, { readonly offset: number; count: number }>;
}

/** A hit with its place. */
export interface PlacedHit {
  readonly needle: Needle;
  readonly path: string;
  readonly part: Part;
  readonly offset: number;
}

/** The hits of one blob, put together by secret and place; bounded, whatever the blob holds. */
export class HitLog {
  readonly #places = new Map<string, LoggedPlace>();
  readonly #listed = new Map<string, number>();
  /** Hits in places beyond the cap. */
  omitted = 0;

  get places(): readonly LoggedPlace[] {
    return [...this.#places.values()];
  }

  add({ needle, path, part, offset }: PlacedHit): void {
    const key = `${needle.secret}\0${part}\0${path}`;
    const place = this.#places.get(key) ?? this.#newPlace(key, { needle, path, part, offset });
    if (place === undefined) {
      this.omitted++;
      return;
    }
    const seen = place.encodings.get(needle.encoding);
    if (seen === undefined) place.encodings.set(needle.encoding, { offset, count: 1 });
    else seen.count++;
  }

  #newPlace(key: string, { needle, path, part }: PlacedHit): LoggedPlace | undefined {
    const listed = this.#listed.get(needle.secret) ?? 0;
    if (listed >= PLACES_PER_SECRET) return undefined;
    this.#listed.set(needle.secret, listed + 1);
    const place = { secret: needle.secret, path, part, encodings: new Map() };
    this.#places.set(key, place);
    return place;
  }
}
