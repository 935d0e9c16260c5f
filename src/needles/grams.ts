/**
 * A set of 4-grams in one piece of memory, as wasm/assembly/scan.ts reads it too: a filter of bits, then
 * the exact grams with a number each, in slots of 8 bytes with open addressing.
 */

/** Length of a gram, and of the shortest needle. */
export const GRAM_LENGTH = 4;

/** Knuth's multiplicative hashing: 2^32 divided by the golden ratio. */
export const GRAM_FACTOR = 0x9e3779b1;

/** Bits of the filter per gram, and least and most in all as powers of two: measured best. */
const BITS_PER_GRAM = 64;
const FILTER_BITS = { least: 14, most: 24 };
/** A word that begins at the last byte of the filter ends in here. */
const FILTER_SLACK = 8;
const SLOT_BYTES = 8;

/** Where things stand in the memory, as wasm/assembly/scan.ts takes it. */
export interface GramLayout {
  /** `hash >>> filterShift` is a byte in the filter. */
  readonly filterShift: number;
  /** Address of the slots. */
  readonly slots: number;
  /** `hash >>> slotShift` is the first slot of a gram. */
  readonly slotShift: number;
  /** Number of slots − 1; that number is a power of two. */
  readonly slotMask: number;
}

/** Holds pieces of needles: wipe it. */
export class GramTable {
  readonly layout: GramLayout;
  #bytes: Uint8Array<ArrayBuffer>;
  #slots: Int32Array;

  /** @param most - grams that are going to be put */
  constructor(most: number) {
    const bits = Math.ceil(Math.log2(Math.max(1, most) * BITS_PER_GRAM));
    const filterBits = Math.min(FILTER_BITS.most, Math.max(FILTER_BITS.least, bits));
    const slotBits = Math.ceil(Math.log2(2 * most + 2));
    const slots = 2 ** (filterBits - 3) + FILTER_SLACK;
    this.layout = {
      filterShift: 35 - filterBits,
      slots,
      slotShift: 32 - slotBits,
      slotMask: 2 ** slotBits - 1,
    };
    const memory = new ArrayBuffer(slots + 2 ** slotBits * SLOT_BYTES);
    this.#bytes = new Uint8Array(memory);
    this.#slots = new Int32Array(memory, slots);
  }

  /** Bytes of memory that it takes. */
  get size(): number {
    return this.#bytes.length;
  }

  /**
   * Moves to the begin of other memory, where WebAssembly reads it: a table of 10,000 needles has some
   * 9 MB. What it had is overwritten and given back.
   */
  moveTo(memory: ArrayBuffer): void {
    const old = this.#bytes;
    this.#bytes = new Uint8Array(memory, 0, old.length);
    this.#slots = new Int32Array(memory, this.layout.slots, this.#slots.length);
    this.#bytes.set(old);
    old.fill(0);
    old.buffer.transfer(0);
  }

  /**
   * Gives a gram a number.
   *
   * @param number - more than 0
   * @returns the number it had; 0 for a new one
   */
  put(gram: number, number: number): number {
    const hash = Math.imul(gram, GRAM_FACTOR);
    const bit = filterBit(gram, hash >>> this.layout.filterShift);
    this.#bytes[bit >>> 3] = (this.#bytes[bit >>> 3] ?? 0) | (1 << (bit & 7));
    const slot = this.#find(gram, hash);
    const old = this.#slots[slot + 1] ?? 0;
    this.#slots[slot] = gram;
    this.#slots[slot + 1] = number;
    return old;
  }

  /** The number of a gram; 0 when it has none. */
  get(gram: number): number {
    const hash = Math.imul(gram, GRAM_FACTOR);
    const bit = filterBit(gram, hash >>> this.layout.filterShift);
    if ((((this.#bytes[bit >>> 3] ?? 0) >>> (bit & 7)) & 1) === 0) return 0;
    return this.#slots[this.#find(gram, hash) + 1] ?? 0;
  }

  /** Forgets every gram. */
  wipe(): void {
    this.#bytes.fill(0);
  }

  /** Index in #slots of the gram, or of the empty slot that ends the search for it. */
  #find(gram: number, hash: number): number {
    const { slotShift, slotMask } = this.layout;
    let slot = hash >>> slotShift;
    for (;;) {
      const number = this.#slots[2 * slot + 1];
      if (number === 0 || this.#slots[2 * slot] === gram) return 2 * slot;
      slot = (slot + 1) & slotMask;
    }
  }
}

/** Four bytes as one number, the first one lowest. */
export function gramAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

/** Low bits of the gram choose one in a word at a hashed byte: cheaper than more of the hash. */
function filterBit(gram: number, byte: number): number {
  return byte * 8 + (gram & 31);
}
