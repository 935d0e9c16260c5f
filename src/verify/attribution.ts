import type { Hit } from "../needles/search.ts";
import { findAll } from "../needles/search.ts";
import type { NeedleTable } from "../needles/table.ts";
import type { HitLog } from "./hit-log.ts";
import { cleanPath } from "./path-index.ts";
import type { TarEntry } from "./tar-walk.ts";

/**
 * Says which member of a layer each hit is in, while the layer streams by. A hit comes with its
 * last byte, a member's name with the last of its headers; so hits wait for names, and members are
 * kept as long as a hit that begins in them may still come.
 */
export class Attribution {
  readonly #table: NeedleTable;
  readonly #log: HitLog;
  #entries: TarEntry[] = [];
  #waiting: Hit[] = [];

  constructor(table: NeedleTable, log: HitLog) {
    this.#table = table;
    this.#log = log;
  }

  /** The next member, in the order of the layer. */
  addEntry(entry: TarEntry): void {
    this.#entries.push(entry);
    // the bytes of a name in two fields stand nowhere in one piece, so the search can't see them
    if (!entry.isSplit) return;
    for (const { needle } of findAll(this.#table, Buffer.from(entry.path))) {
      this.#log.add({ needle, path: shown(entry), part: "name", offset: 0 });
    }
  }

  addHit(hit: Hit): void {
    this.#waiting.push(hit);
  }

  /**
   * Places the hits whose member is known by now.
   *
   * @param settled - offset below which every member is known
   * @param position - bytes of the layer that came so far
   */
  settle(settled: number, position: number): void {
    const ready = this.#waiting.filter(({ offset }) => offset < settled);
    this.#waiting = this.#waiting.filter(({ offset }) => offset >= settled);
    for (const hit of ready) this.#place(hit);
    const oldest = Math.min(settled, position - this.#table.longest);
    if (this.#waiting.length === 0) this.#dropBefore(oldest);
  }

  /** Places what is left: hits in headers that are broken or cut off. */
  finish(): void {
    for (const hit of this.#waiting) this.#place(hit);
    this.#waiting = [];
    this.#entries = [];
  }

  #place({ needle, offset }: Hit): void {
    const entry = this.#entryAt(offset);
    if (entry === undefined) {
      this.#log.add({ needle, path: "", part: "gap", offset });
      return;
    }
    const path = shown(entry);
    if (offset >= entry.data) {
      const part = offset < entry.data + entry.size ? "content" : "gap";
      this.#log.add({ needle, path, part, offset: offset - entry.data });
      return;
    }
    const has = (text: string): boolean =>
      findAll(this.#table, Buffer.from(text)).some((hit) => hit.needle === needle);
    const part = has(entry.path) ? "name" : has(entry.link) ? "link" : "header";
    this.#log.add({ needle, path, part, offset: offset - entry.start });
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

function shown(entry: TarEntry): string {
  return `/${cleanPath(entry.path)}`;
}
