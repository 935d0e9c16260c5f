/** Paths of one layer that are kept; of more, only the word "deleted" is lost. 32 MB. */
const PATH_LIMIT = 4_000_000;

/** Longest path whose parents are looked at: of Linux. */
const LONGEST = 4096;

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

/**
 * Which paths a layer writes or deletes, in 8 bytes a path: layers come in any order and may hold
 * a million members, so the answer to "does a later layer delete it?" is kept as hashes. A
 * collision (1 in 10^9 for a million paths) would only put the word "deleted" on a finding.
 *
 * @see OCI image-spec, layer.md, "Whiteouts"
 */
export class PathIndex {
  readonly #limit: number;
  #hashes = new Float64Array(64);
  #count = 0;
  #sorted = true;

  constructor(limit = PATH_LIMIT) {
    this.#limit = limit;
  }

  /** @param path - as in the tar; @param isDirectory - directories hide nothing by being there */
  add(path: string, isDirectory: boolean): void {
    const clean = cleanPath(path);
    if (clean.startsWith(WHITEOUT, clean.lastIndexOf("/") + 1)) this.#addWhiteout(clean);
    else this.#insert(isDirectory ? "directory" : "file", clean);
  }

  /** True when this layer, on top of one that has the path, hides it. */
  hides(path: string): boolean {
    let clean = cleanPath(path);
    if (clean.length > LONGEST) return false;
    if (this.#has("file", clean) || this.#has("gone", clean)) return true;
    while (clean !== "") {
      clean = split(clean).parent;
      // a parent that was deleted, emptied, or replaced by something that is no directory
      if (this.#has("opaque", clean) || this.#has("gone", clean)) return true;
      if (clean !== "" && this.#has("file", clean)) return true;
    }
    return false;
  }

  /** What {@link PathIndex.fromBytes} reads again: 8 bytes a path. */
  toBytes(): Buffer {
    this.#sort();
    const kept = this.#hashes.slice(0, this.#count).filter((hash, i, all) => hash !== all[i - 1]);
    return Buffer.from(kept.buffer);
  }

  /** @returns null when it is no index */
  static fromBytes(bytes: Buffer): PathIndex | null {
    const { BYTES_PER_ELEMENT: size } = Float64Array;
    if (bytes.length % size !== 0) return null;
    const index = new PathIndex();
    index.#count = bytes.length / size;
    // one more, so that adding can double it
    index.#hashes = new Float64Array(index.#count + 1);
    Buffer.from(index.#hashes.buffer).set(bytes);
    index.#sorted = false;
    return index;
  }

  #addWhiteout(clean: string): void {
    const { parent, base } = split(clean);
    if (base === OPAQUE) this.#insert("opaque", parent);
    else this.#insert("gone", join(parent, base.slice(WHITEOUT.length)));
  }

  #insert(kind: Kind, path: string): void {
    if (this.#count >= this.#limit) return;
    if (this.#count === this.#hashes.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#hashes);
      this.#hashes = larger;
    }
    this.#hashes[this.#count++] = hash53(kind, path);
    this.#sorted = false;
  }

  #has(kind: Kind, path: string): boolean {
    this.#sort();
    const wanted = hash53(kind, path);
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#hashes[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low < this.#count && this.#hashes[low] === wanted;
  }

  #sort(): void {
    if (!this.#sorted) this.#hashes.subarray(0, this.#count).sort();
    this.#sorted = true;
  }
}

type Kind = "file" | "directory" | "gone" | "opaque";

/** `./a/b/` and `/a/b` are `a/b`. */
export function cleanPath(path: string): string {
  // nearly all paths are clean: to split them would cost a tenth of reading a layer
  if (!UNCLEAN.test(path)) return path;
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

const UNCLEAN = /^\.?\/|^\.$|\/(?:\/|\.\/|\.?$)/u;

function split(path: string): { parent: string; base: string } {
  const slash = path.lastIndexOf("/");
  return { parent: path.slice(0, Math.max(0, slash)), base: path.slice(slash + 1) };
}

function join(parent: string, base: string): string {
  return parent === "" ? base : `${parent}/${base}`;
}

/** Of `KIND:PATH`: a text of both would be made for every member. */
function hash53(kind: Kind, path: string): number {
  const { high, low } = hashOn(SEEDS[kind], path, kind.length + 1);
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

/** Two 32-bit multiplicative hashes, joined to the 53 bits that a number holds exactly. */
interface Hashes {
  readonly high: number;
  readonly low: number;
}

/** @param from - length of the text that was hashed before */
function hashOn(before: Hashes, text: string, from: number): Hashes {
  let { high, low } = before;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ (unit + from + i), 0x85ebca6b);
    low ^= low >>> 13;
  }
  return { high, low };
}

const SEED = { high: 0x811c9dc5, low: 0x9e3779b9 };
const SEEDS: Readonly<Record<Kind, Hashes>> = {
  file: hashOn(SEED, "file:", 0),
  directory: hashOn(SEED, "directory:", 0),
  gone: hashOn(SEED, "gone:", 0),
  opaque: hashOn(SEED, "opaque:", 0),
};
