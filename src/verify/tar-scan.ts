import type { Hit } from "../needles/search.ts";
import type { NeedleTable } from "../needles/table.ts";
import { Attribution } from "./attribution.ts";
import { Collector } from "./members/collector.ts";
import type { Collected, CollectorOwner } from "./members/collector.ts";
import { TarWalk } from "./tar-walk.ts";
import type { TarEntry } from "./tar-walk.ts";

/** How a tar is read. */
export interface TarScanOptions {
  readonly table: NeedleTable;
  readonly owner: CollectorOwner;
  readonly onEntry?: (entry: TarEntry) => void;
}

/** Reads a tar that streams by: where each hit is, and the files that can be unpacked. */
export class TarScan {
  readonly #walk = new TarWalk();
  readonly #attribution: Attribution;
  readonly #collector: Collector;
  readonly #onEntry: ((entry: TarEntry) => void) | undefined;

  constructor({ table, owner, onEntry }: TarScanOptions) {
    this.#collector = new Collector(owner);
    this.#attribution = new Attribution(table, (placed) => this.#collector.place(placed));
    this.#onEntry = onEntry;
  }

  /** Bytes of the file that is being gathered, all of it. */
  get pending(): number {
    return this.#collector.pending;
  }

  /**
   * @param search - searches the same chunk, and gives the hits that end in it
   * @returns the files that can be unpacked and are complete by now
   */
  write(chunk: Buffer, search: (onHit: (hit: Hit) => void) => void): Collected[] {
    const collector = this.#collector;
    for (const event of this.#walk.write(chunk)) {
      if (event.kind === "data") collector.data(event.bytes);
      else if (event.kind === "end") collector.end();
      else {
        this.#attribution.addEntry(event.entry);
        this.#onEntry?.(event.entry);
        collector.begin(event.entry);
      }
    }
    this.#attribution.settle(this.#walk.settled);
    search((hit) => this.#attribution.addHit(hit));
    this.#attribution.forget(this.#walk.position);
    return collector.take();
  }

  /** Ends the tar. @returns what is wrong with it as a whole */
  finish(): string | undefined {
    this.#attribution.finish();
    this.#collector.finish();
    return this.#walk.finish();
  }
}
