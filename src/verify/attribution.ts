import type { Needle } from "../needles/needle.ts";
import type { Hit } from "../needles/search.ts";
import { findAll } from "../needles/search.ts";
import type { NeedleTable } from "../needles/table.ts";
import type { Part } from "./model.ts";
import type { TarEntry } from "./tar-walk.ts";

/** A hit, and which part of which member it is in. */
export interface AttributedHit {
  readonly hit: Hit;
  /** Undefined for bytes that belong to no member. */
  readonly entry: TarEntry | undefined;
  readonly part: Part;
  /** Bytes from the beginning of the part: of the content, of the headers. */
  readonly offset: number;
}

/**
 * Says which member of a tar each hit is in, while the tar streams by. A hit comes with its last
 * byte, a member's name with the last of its headers; so hits wait for names, and members are kept
 * as long as a hit that begins in them may still come.
 */
export class Attribution {
  readonly #table: NeedleTable;
  readonly #place: (placed: AttributedHit) => void;
  #entries: TarEntry[] = [];
  #waiting: Hit[] = [];
  /** Offset below which every member is known. */
  #settled = 0;
  #names: Names | undefined;

  /** @param place - gets every hit once */
  constructor(table: NeedleTable, place: (placed: AttributedHit) => void) {
    this.#table = table;
    this.#place = place;
  }

  /** The next member, in the order of the tar. */
  addEntry(entry: TarEntry): void {
    this.#entries.push(entry);
    // the bytes of a name in two fields stand nowhere in one piece, so the search can't see them
    if (!entry.isSplit) return;
    for (const hit of findAll(this.#table, Buffer.from(entry.path))) {
      this.#place({ hit, entry, part: "name", offset: 0 });
    }
  }

  /** Places a hit, when its member is known by now. */
  addHit(hit: Hit): void {
    if (hit.offset < this.#settled) this.#attribute(hit);
    else this.#waiting.push(hit);
  }

  /**
   * Places the hits that waited for their member.
   *
   * @param settled - offset below which every member is known
   */
  settle(settled: number): void {
    this.#settled = settled;
    if (this.#waiting.length === 0) return;
    const ready = this.#waiting.filter(({ offset }) => offset < settled);
    this.#waiting = this.#waiting.filter(({ offset }) => offset >= settled);
    for (const hit of ready) this.#attribute(hit);
  }

  /**
   * Forgets members that no hit can begin in any more.
   *
   * @param position - bytes of the tar that came so far, and were searched
   */
  forget(position: number): void {
    const oldest = Math.min(this.#settled, position - this.#table.longest);
    if (this.#waiting.length === 0) this.#dropBefore(oldest);
  }

  /** Places what is left: hits in headers that are broken or cut off. */
  finish(): void {
    for (const hit of this.#waiting) this.#attribute(hit);
    this.#waiting = [];
    this.#entries = [];
  }

  #attribute(hit: Hit): void {
    const { offset } = hit;
    const entry = this.#entryAt(offset);
    if (entry === undefined) this.#place({ hit, entry, part: "gap", offset });
    else if (offset >= entry.data) {
      const part = offset < entry.data + entry.size ? "content" : "gap";
      this.#place({ hit, entry, part, offset: offset - entry.data });
    } else {
      this.#place({ hit, entry, part: this.#headerPart(hit, entry), offset: offset - entry.start });
    }
  }

  #headerPart({ needle }: Hit, entry: TarEntry): Part {
    const { path, link } = this.#namesOf(entry);
    if (path.has(needle)) return "name";
    return link.has(needle) ? "link" : "header";
  }

  /** Searched once for each member: its headers may have thousands of hits. */
  #namesOf(entry: TarEntry): Names {
    if (this.#names?.entry === entry) return this.#names;
    const needlesIn = (text: string): ReadonlySet<Needle> =>
      new Set(findAll(this.#table, Buffer.from(text)).map(({ needle }) => needle));
    this.#names = { entry, path: needlesIn(entry.path), link: needlesIn(entry.link) };
    return this.#names;
  }

  /** Binary search: a chunk of small files holds hundreds of members. */
  #entryAt(offset: number): TarEntry | undefined {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.end ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const entry = this.#entries[low];
    return entry !== undefined && entry.start <= offset ? entry : undefined;
  }

  #dropBefore(offset: number): void {
    const keep = this.#entries.findIndex(({ end }) => end > offset);
    this.#entries = keep < 0 ? [] : this.#entries.slice(keep);
  }
}

/** The needles that stand in the names of a member. */
interface Names {
  readonly entry: TarEntry;
  readonly path: ReadonlySet<Needle>;
  readonly link: ReadonlySet<Needle>;
}
