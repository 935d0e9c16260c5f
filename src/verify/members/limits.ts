/** Bounds of what is unpacked. A member beyond one of them is told as unseen, never passed over. */

const MIB = 1024 * 1024;

/** All bounds, in bytes where nothing else is said. Cached verdicts know them (verdicts/searched.ts). */
export const BOUNDS = {
  /** Levels of archives and compressions; a tar that is compressed as a whole counts once. */
  depth: 4,
  /** Largest compressed file or archive of a layer. */
  file: 64 * MIB,
  /** Largest archive within a compressed file: it must be whole to be read. */
  inner: 32 * MIB,
  /** Bytes that one file needs at a time: its own, those of archives in it, windows of decoders. */
  held: 96 * MIB,
  /** Largest content of one member. */
  output: 256 * MIB,
  /** Growth of one file, all its members together, in times: deflate's own limit is 1,032. */
  growth: 1000,
  /** Growth that is nobody's bomb: a few bytes may hold a million zeros. */
  freeGrowth: 4 * MIB,
  /** Bytes that all members of one layer come to. */
  layer: 8 * 1024 * MIB,
  /** Entries that are read of one zip: the largest known have some 100,000. */
  zipEntries: 200_000,
  /** Hits in one file that wait for its members to explain them; more are the file's own. */
  hits: 10_000,
} as const;

/**
 * Why something can't be read, in words for a report; never a foreign text.
 *
 * `file` ends the work on a whole file of the layer, `member` that on one member of it.
 */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
  readonly scope: "member" | "file";

  constructor(reason: string, scope: "member" | "file" = "member") {
    super(reason);
    this.scope = scope;
  }
}

/** Counts what the members of one layer, or of one large file, come to, whichever thread unpacks them. */
export class SpentBytes {
  /** For another thread. */
  readonly shared: SharedArrayBuffer;
  readonly #bytes: BigInt64Array<SharedArrayBuffer>;

  /** @param shared - of the one that this is in another thread */
  constructor(shared = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#bytes = new BigInt64Array(shared);
  }

  /** @returns what they come to by now */
  add(bytes: number): number {
    return Number(Atomics.add(this.#bytes, 0, BigInt(bytes))) + bytes;
  }
}

/** Memory that must stay for a while. */
export interface MemoryBudget {
  /** @throws {@link Unreadable} when it is too much */
  hold(bytes: number): void;
  /** Gives back what was held. */
  release(bytes: number): void;
}

interface Spending {
  readonly layer: SpentBytes;
  /** Of a file that is unpacked in parts. */
  readonly file: SpentBytes | undefined;
  readonly isStopped: () => boolean;
}

/** Counts what one file of a layer comes to, and says when it is too much. */
export class FileBudget implements MemoryBudget {
  readonly #layer: SpentBytes;
  readonly #file: SpentBytes | undefined;
  readonly #most: number;
  readonly #isStopped: () => boolean;
  #bytes = 0;
  #held: number;

  /** @param size - bytes of the file as the layer has it */
  constructor(size: number, o: Spending) {
    this.#held = size;
    this.#most = Math.max(BOUNDS.freeGrowth, size * BOUNDS.growth);
    this.#layer = o.layer;
    this.#file = o.file;
    this.#isStopped = o.isStopped;
  }

  /** Bytes that its members came to so far, as far as they were counted here. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws {@link Unreadable} for the whole file when it grew too much */
  spend(bytes: number): void {
    this.#bytes += bytes;
    const file = this.#file?.add(bytes) ?? this.#bytes;
    const all = this.#layer.add(bytes);
    if (file > this.#most) throw new Unreadable("grows more than 1,000 times", "file");
    if (all > BOUNDS.layer) {
      throw new Unreadable("the members of this layer unpack to more than 8 GiB", "file");
    }
    if (this.#isStopped()) throw new Unreadable("the search was stopped", "file");
  }

  hold(bytes: number): void {
    if (this.#held + bytes > BOUNDS.held) {
      throw new Unreadable("takes more than 96 MiB of memory to unpack");
    }
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}
