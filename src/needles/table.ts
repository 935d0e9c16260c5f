import type { Needle } from "./needle.ts";

/**
 * The compiled form of many needles for an exact search: a sampled 4-gram filter.
 *
 * With m the length of the shortest needle, the text is probed only every `stride` = m − 3 bytes.
 * Of each needle one window of stride + 3 bytes is registered, that is `stride` 4-grams: wherever
 * the needle stands, exactly one probe falls on exactly one of them. So nothing is missed and
 * nothing is found twice, by construction. A probe costs one multiplication and one table byte;
 * a hit in that filter is checked against the exact grams, then byte by byte.
 */

/** Shortest needle that can be searched for: one 4-gram. */
export const SHORTEST_NEEDLE = 4;

/** Where a 4-gram stands in a needle. */
export interface GramEntry {
  readonly needle: Needle;
  readonly offset: number;
}

/** Windows begin within these first bytes, so that a search keeps little of the text behind it. */
const WINDOW_REACH = 4096;

/** Filter slots per gram: about one false hit in 64 probes of random text at most. */
const SLOTS_PER_GRAM = 64;
const FILTER_BITS = { least: 14, most: 22 };

/** Knuth's multiplicative hashing: 2^32 divided by the golden ratio. */
export const GRAM_FACTOR = 0x9e3779b1;

/** Immutable; one table serves any number of searches. Holds pieces of needles: wipe it. */
export class NeedleTable {
  /** Distance of probes, in bytes. */
  readonly stride: number;
  /** Length of the longest needle; 0 without needles. */
  readonly longest: number;
  /** Bytes before a probe that a needle hit by it may begin: at most 4096 + stride. */
  readonly reach: number;
  readonly filter: Uint8Array;
  /** `hash >>> filterShift` is the slot in the filter. */
  readonly filterShift: number;
  readonly needles: readonly Needle[];
  readonly #grams = new Map<number, GramEntry[]>();

  /** @throws RangeError when a needle is shorter than 4 bytes */
  constructor(needles: readonly Needle[]) {
    const shortest = needles.reduce((least, { bytes }) => Math.min(least, bytes.length), Infinity);
    if (shortest < SHORTEST_NEEDLE) throw new RangeError("a needle has at least 4 bytes");
    this.needles = needles;
    this.stride = needles.length === 0 ? 1 : shortest - SHORTEST_NEEDLE + 1;
    this.longest = needles.reduce((most, { bytes }) => Math.max(most, bytes.length), 0);
    this.reach = this.#register();
    const wanted = Math.ceil(Math.log2(Math.max(1, this.#grams.size) * SLOTS_PER_GRAM));
    const bits = Math.min(FILTER_BITS.most, Math.max(FILTER_BITS.least, wanted));
    this.filterShift = 32 - bits;
    this.filter = new Uint8Array(2 ** bits);
    for (const gram of this.#grams.keys()) {
      this.filter[Math.imul(gram, GRAM_FACTOR) >>> this.filterShift] = 1;
    }
  }

  /** The needles that have this 4-gram in their window; undefined for most. */
  entries(gram: number): readonly GramEntry[] | undefined {
    return this.#grams.get(gram);
  }

  /** Forgets the grams; the table finds nothing any more. The needles stay with their owner. */
  wipe(): void {
    this.filter.fill(0);
    this.#grams.clear();
  }

  #register(): number {
    let reach = 0;
    for (const needle of this.needles) {
      const start = rarestWindow(needle.bytes, this.stride + SHORTEST_NEEDLE - 1);
      for (let i = 0; i < this.stride; i++) this.#add({ needle, offset: start + i });
      reach = Math.max(reach, start + this.stride);
    }
    return reach;
  }

  #add(entry: GramEntry): void {
    const gram = gramAt(entry.needle.bytes, entry.offset);
    const entries = this.#grams.get(gram);
    if (entries === undefined) this.#grams.set(gram, [entry]);
    else entries.push(entry);
  }
}

/** Four bytes as one number, the first one lowest, as `DataView.getInt32(at, true)` reads them. */
function gramAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

/** Start of the window whose bytes are rarest in system files: fewer candidates to compare. */
function rarestWindow(bytes: Buffer, length: number): number {
  const last = Math.min(bytes.length - length, WINDOW_REACH);
  let sum = 0;
  for (let i = 0; i < length; i++) sum += COMMONNESS[bytes[i] ?? 0] ?? 0;
  let best = { start: 0, sum };
  for (let start = 1; start <= last; start++) {
    sum += COMMONNESS[bytes[start + length - 1] ?? 0] ?? 0;
    sum -= COMMONNESS[bytes[start - 1] ?? 0] ?? 0;
    if (sum < best.sum) best = { start, sum };
  }
  return best.start;
}

/** Rough frequency of byte values in programs and text; only the order matters. */
const COMMONNESS = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0) return 64;
  if (byte === 0x20) return 24;
  if ("etaoinsr".includes(String.fromCharCode(byte))) return 16;
  if (byte >= 0x61 && byte <= 0x7a) return 8;
  if (byte === 0x0a || byte === 0x2d || byte === 0xff) return 8;
  return byte >= 0x80 ? 3 : 4;
});
