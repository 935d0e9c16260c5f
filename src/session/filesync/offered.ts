/**
 * What an engine may ask for, by id. Packed: an object for each of 100,000 files would be most of the
 * memory of a build, and work for the garbage collector.
 */
import type { Announced } from "./content.ts";
import type { Entry } from "./walk.ts";

/** Longest UTF-8 of one UTF-16 unit. */
const UTF8_BYTES = 3;

/** The entries of a list, in its order. */
export class Offered {
  #count = 0;
  /** Bytes of each file; -1 for what is none, or was taken. */
  #sizes = new Float64Array(256);
  #times = new BigInt64Array(256);
  /** Where each path ends in {@link #paths}; the next one begins there. */
  #ends = new Uint32Array(256);
  #paths: Buffer = Buffer.allocUnsafeSlow(16 * 1024);
  #used = 0;
  readonly #inMemory = new Map<number, Buffer>();

  /** Adds the next entry. */
  add({ stat, content }: Entry): void {
    const id = this.#count;
    this.#count += 1;
    if (id === this.#sizes.length) this.#grow();
    if (content === "file") {
      this.#addPath(stat.path);
      this.#sizes[id] = stat.size;
      this.#times[id] = stat.mtimeNs;
    } else {
      this.#sizes[id] = -1;
      if (content !== null) this.#inMemory.set(id, content);
    }
    this.#ends[id] = this.#used;
  }

  /** Hands an entry out, once. @returns null for a folder, and for what is not or no longer there */
  take(id: number): Announced | Buffer | null {
    const bytes = this.#inMemory.get(id);
    if (bytes !== undefined) {
      this.#inMemory.delete(id);
      return bytes;
    }
    const size = id < this.#count ? (this.#sizes[id] ?? -1) : -1;
    if (size < 0) return null;
    this.#sizes[id] = -1;
    const path = this.#paths.toString("utf8", this.#ends[id - 1] ?? 0, this.#ends[id]);
    return { path, size, mtimeNs: this.#times[id] ?? 0n };
  }

  #addPath(path: string): void {
    const room = this.#used + UTF8_BYTES * path.length;
    if (room > this.#paths.length) {
      const larger = Buffer.allocUnsafeSlow(2 * room);
      this.#paths.copy(larger, 0, 0, this.#used);
      this.#paths = larger;
    }
    this.#used += this.#paths.write(path, this.#used, "utf8");
  }

  #grow(): void {
    const length = 2 * this.#sizes.length;
    const [sizes, times, ends] = [this.#sizes, this.#times, this.#ends];
    this.#sizes = new Float64Array(length);
    this.#times = new BigInt64Array(length);
    this.#ends = new Uint32Array(length);
    this.#sizes.set(sizes);
    this.#times.set(times);
    this.#ends.set(ends);
  }
}
