import type { Hit } from "../../needles/search.ts";
import type { AttributedHit } from "../attribution.ts";
import type { TarEntry } from "../tar-walk.ts";
import { sniff, SNIFF_LENGTH } from "./kinds.ts";
import type { Kind } from "./kinds.ts";
import { BOUNDS, Unreadable } from "./limits.ts";
import { holdsZip } from "./zip.ts";

/** A file of a tar that can be unpacked, whole. */
export interface Collected {
  readonly entry: TarEntry;
  readonly kind: Kind;
  readonly bytes: Buffer;
  /** What the search of the tar found in it, by offsets of the file: its members may explain it. */
  readonly hits: readonly Hit[];
}

/** Who gets what a {@link Collector} finds. */
export interface CollectorOwner {
  /**
   * Room for a file, that lasts until it is unpacked.
   *
   * @throws {@link Unreadable} when there is none
   */
  allocate(size: number): Buffer;
  /** Takes room back: the file turned out to be nothing. */
  discard(bytes: Buffer): void;
  /** A hit that is in no file that can be unpacked, or not in the content of one. */
  place(placed: AttributedHit): void;
  /** A file that can't be unpacked, but should have been. */
  tellUnread(entry: TarEntry, reason: string): void;
  /** A file that came in one chunk needs no room: it is taken before the next chunk comes. */
  readonly takesViews: boolean;
}

interface Current {
  readonly entry: TarEntry;
  readonly hits: Hit[];
  /** Undefined until its first bytes are there. */
  kind: Kind | undefined;
  bytes: Buffer;
  fill: number;
}

const NOTHING = Buffer.alloc(0);

/** Gathers the files of a tar that can be unpacked, while the tar streams by. */
export class Collector {
  readonly #owner: CollectorOwner;
  #current: Current | undefined;
  #done = new Map<TarEntry, Collected & { readonly hits: Hit[] }>();

  constructor(owner: CollectorOwner) {
    this.#owner = owner;
  }

  /** Bytes of the file that is being gathered, all of it. */
  get pending(): number {
    return this.#current?.kind === undefined ? 0 : this.#current.bytes.length;
  }

  begin(entry: TarEntry): void {
    this.#drop();
    if (entry.size === 0) return;
    if (entry.isSparse) this.#owner.tellUnread(entry, "a sparse file");
    else if (entry.type === "0" || entry.type === "7") {
      this.#current = { entry, hits: [], kind: undefined, bytes: NOTHING, fill: 0 };
    }
  }

  data(bytes: Buffer): void {
    const current = this.#current;
    if (current === undefined) return;
    if (current.kind !== undefined) {
      current.fill += bytes.copy(current.bytes, current.fill);
      return;
    }
    // the first piece of nearly every file is long enough
    const head = current.fill === 0 ? bytes : Buffer.concat([current.bytes, bytes]);
    if (head.length < Math.min(SNIFF_LENGTH, current.entry.size)) {
      current.bytes = Buffer.concat([head]);
      current.fill = head.length;
    } else this.#decide(current, head);
  }

  end(): void {
    const current = this.#current;
    if (current?.kind === undefined) {
      this.#drop();
      return;
    }
    this.#current = undefined;
    const { entry, kind, bytes, hits } = current;
    if (kind !== "script") this.#done.set(entry, { entry, kind, bytes, hits });
    else if (holdsZip(bytes)) this.#done.set(entry, { entry, kind: "zip", bytes, hits });
    else {
      this.#replay(current);
      this.#owner.discard(bytes);
    }
  }

  /** Takes a hit of the tar, as its attribution places it. */
  place(placed: AttributedHit): void {
    const { hit, entry, part, offset } = placed;
    const holder =
      entry === undefined || part !== "content"
        ? undefined
        : this.#current?.entry === entry
          ? this.#current
          : this.#done.get(entry);
    if (holder === undefined || holder.hits.length === BOUNDS.hits) this.#owner.place(placed);
    else holder.hits.push({ ...hit, offset });
  }

  /** The files that are complete, with the hits that were placed so far. */
  take(): Collected[] {
    if (this.#done.size === 0) return [];
    const done = [...this.#done.values()];
    this.#done = new Map();
    return done;
  }

  /** Ends the tar: a file that is not complete is none. */
  finish(): void {
    if (this.#current?.kind !== undefined) {
      this.#owner.tellUnread(this.#current.entry, "cut off");
      this.#owner.discard(this.#current.bytes);
    }
    this.#drop();
  }

  #decide(current: Current, head: Buffer): void {
    const { entry } = current;
    const sniffed = sniff(head.subarray(0, SNIFF_LENGTH));
    if (sniffed === null) {
      this.#drop();
      return;
    }
    try {
      if ("unreadable" in sniffed) throw new Unreadable(`${sniffed.unreadable} is not unpacked`);
      this.#keep(current, sniffed.kind, head);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#drop();
      this.#owner.tellUnread(entry, error.message);
    }
  }

  #keep(current: Current, kind: Kind, head: Buffer): void {
    const { size } = current.entry;
    // nobody's archive, and searched as it is
    if (size > BOUNDS.file && kind === "script") {
      this.#drop();
      return;
    }
    if (size > BOUNDS.file) throw new Unreadable(`${kind} of more than 64 MiB`);
    const isView = this.#owner.takesViews && head.length === size;
    current.bytes = isView ? head : this.#owner.allocate(size);
    current.fill = isView ? size : head.copy(current.bytes);
    current.kind = kind;
  }

  /** What was searched as it is, and is not unpacked. */
  #drop(): void {
    if (this.#current !== undefined) this.#replay(this.#current);
    this.#current = undefined;
  }

  #replay({ entry, hits }: Current): void {
    for (const hit of hits) {
      this.#owner.place({ hit, entry, part: "content", offset: hit.offset });
    }
  }
}
