import bzip2 from "unbzip2-stream/lib/bzip2.js";
import { freePiece } from "../decompress.ts";
import type { Sink } from "../decompress.ts";
import { broken } from "./inflate.ts";

/** Output is gathered to pieces of this size. */
const PIECE = 256 * 1024;

/** A block holds up to 900 kB before its runs are written out. */
const BLOCK_UNIT = 100_000;

/**
 * Decodes one bzip2 stream by the core of unbzip2-stream, whose own stream keeps every byte of a
 * block as a number in an array.
 *
 * @returns the bytes of the input that were used
 * @throws {@link Unreadable} when it is broken or cut off; what came out before is in the sink
 */
export async function bunzip2(bytes: Buffer, sink: Sink): Promise<number> {
  try {
    const bits = new BitReader(bytes);
    const read = (count: number | null): number => bits.read(count);
    const size = BLOCK_UNIT * bzip2.header(read);
    const buffer = new Int32Array(size);
    const pieces = new Pieces();
    for (let crc: number | null = 0; ;) {
      crc = bzip2.decompress(read, (byte) => pieces.push(byte), buffer, size, crc);
      for (const piece of pieces.take()) {
        await sink(piece);
        freePiece(piece);
      }
      if (crc === null) return bits.used;
    }
  } catch (error) {
    throw broken(error);
  }
}

/** Bits from the highest down, as bzip2 has them. */
class BitReader {
  readonly #bytes: Buffer;
  #at = 0;
  #held = 0;
  #count = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Bytes that were begun. */
  get used(): number {
    return this.#at;
  }

  /** @param count - bits, up to 32; null goes on to the next whole byte */
  read(count: number | null): number {
    if (count === null) {
      this.#count = 0;
      return 0;
    }
    if (count > 24) return this.read(count - 16) * 2 ** 16 + this.read(16);
    while (this.#count < count) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError("bzip2 data is cut off");
      this.#held = ((this.#held & 0xffffff) << 8) | byte;
      this.#count += 8;
    }
    this.#count -= count;
    return (this.#held >>> this.#count) & (2 ** count - 1);
  }
}

/** The output of one block. */
class Pieces {
  #full: Buffer[] = [];
  #piece = Buffer.alloc(PIECE);
  #fill = 0;

  push(byte: number): void {
    if (this.#fill === PIECE) {
      this.#full.push(this.#piece);
      this.#piece = Buffer.alloc(PIECE);
      this.#fill = 0;
    }
    this.#piece[this.#fill++] = byte;
  }

  take(): Buffer[] {
    const taken = [...this.#full, this.#piece.subarray(0, this.#fill)];
    this.#full = [];
    this.#piece = Buffer.alloc(PIECE);
    this.#fill = 0;
    return taken;
  }
}
