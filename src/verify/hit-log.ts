import type { Encoding, Needle } from "../needles/needle.ts";
import type { Part } from "./model.ts";

/** Places kept for one secret in one blob: a leak in every file of a tree needs no longer list. */
export const PLACES_PER_SECRET = 100;

/** Occurrences of one secret in one place of a blob. Paths are not masked yet: not for showing. */
export interface LoggedPlace {
  readonly secret: string;
  /** The file of the layer. */
  readonly path: string;
  /** Where inside of that file, when it was unpacked: `!/config.yml`; else empty. */
  readonly member: string;
  readonly part: Part;
  /** The first occurrence of each encoding, and how many there were. */
  readonly encodings: Map<Encoding, { readonly offset: number; count: number }>;
}

/** A hit with its place. */
export interface PlacedHit {
  readonly needle: Pick<Needle, "secret" | "encoding">;
  readonly path: string;
  readonly member?: string;
  readonly part: Part;
  readonly offset: number;
}

/** The hits of one blob, put together by secret and place; bounded, whatever the blob holds. */
export class HitLog {
  readonly #cap: number;
  readonly #places = new Map<string, LoggedPlace>();
  readonly #listed = new Map<string, number>();
  /** Hits in places beyond the cap. */
  omitted = 0;

  /** @param cap - places that are kept for one secret */
  constructor(cap = PLACES_PER_SECRET) {
    this.#cap = cap;
  }

  get places(): readonly LoggedPlace[] {
    return [...this.#places.values()];
  }

  add(hit: PlacedHit): void {
    this.#count(hit, 1);
  }

  /** Adds what another log has, as places of one file. */
  addAll(path: string, log: Pick<HitLog, "places" | "omitted">): void {
    this.omitted += log.omitted;
    for (const { secret, member, part, encodings } of log.places) {
      for (const [encoding, { offset, count }] of encodings) {
        this.#count({ needle: { secret, encoding }, path, member, part, offset }, count);
      }
    }
  }

  #count(hit: PlacedHit, count: number): void {
    const { needle, path, member = "", part, offset } = hit;
    const key = `${needle.secret}\0${part}\0${path}\0${member}`;
    const place = this.#places.get(key) ?? this.#newPlace(key, hit);
    if (place === undefined) {
      this.omitted += count;
      return;
    }
    const seen = place.encodings.get(needle.encoding);
    if (seen === undefined) place.encodings.set(needle.encoding, { offset, count });
    else seen.count += count;
  }

  #newPlace(key: string, { needle, path, member = "", part }: PlacedHit): LoggedPlace | undefined {
    const listed = this.#listed.get(needle.secret) ?? 0;
    if (listed >= this.#cap) return undefined;
    this.#listed.set(needle.secret, listed + 1);
    const place = { secret: needle.secret, path, member, part, encodings: new Map() };
    this.#places.set(key, place);
    return place;
  }
}
