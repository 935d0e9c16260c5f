import type { Duplex } from "node:stream";
import * as zlib from "node:zlib";

/** Compressions of layers: media types end in `+gzip` and `+zstd`; the bytes decide, not the type. */
export type Compression = "gzip" | "zstd";

/** What Node's zlib decodes; `deflate` has no header. */
export type Codec = Compression | "zlib" | "deflate";

/**
 * Takes output, which is gone when it has returned: its memory is given back. A promise that it gives
 * stops the decoder until it is settled.
 */
export type Sink = (bytes: Buffer) => Promise<void> | void;

/** Sizes of the output: Node's default of 16 KiB costs a third of the speed (measured). */
const OUTPUT = { chunkSize: 256 * 1024 };

/**
 * Largest window of zstd, as a power of two: 64 MiB. Levels up to 21 write no larger one, and a decoder
 * has to have 8 MiB (RFC 8878, 3.1.1.1.2).
 */
export const ZSTD_WINDOW = 26;

/** Memory of this size may be the pool that small buffers share. */
const POOL = Buffer.poolSize;

/**
 * Gives the memory of an output back at once, with every view of it: the collector would let
 * hundreds of megabytes pass first.
 */
export function free({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength !== POOL) buffer.transfer(0);
}

/** The same for a piece of a stream: of memory that is not full yet the decoder has the rest. */
export function freePiece(piece: Buffer): void {
  if (piece.byteOffset + piece.length === piece.buffer.byteLength) free(piece);
}

/** Says by the first four bytes how a blob is compressed; null when it is not. */
export function compressionOf(head: Buffer): Compression | null {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  if (head.length < 4) return null;
  const magic = head.readUInt32LE(0);
  // a zstd frame, or one of the 16 skippable frames that may stand before it (RFC 8878, 3.1)
  return magic === 0xfd2fb528 || magic >>> 4 === 0x184d2a5 ? "zstd" : null;
}

/** Decompresses a stream that comes in chunks, in bounded memory. */
export interface Decompression {
  /** @throws Error when the bytes are broken; what came out before was given to the sink */
  write(chunk: Buffer): Promise<void>;
  /** @throws Error when the stream is cut off */
  end(): Promise<void>;
  /** Lets go of a stream that is given up. Safe to repeat. */
  destroy(): void;
}

/**
 * Decompresses by Node's zlib, every frame or member of the stream: Node stops at the end of the first
 * zstd frame, and at zeros between gzip members, without a word. Zeros behind gzip are passed over
 * here, as padding; all else that is not decompressed is an error.
 */
export class Decompressor implements Decompression {
  readonly #compression: Compression;
  readonly #sink: Sink;
  #frame: Decoder | undefined;
  /** A frame ended before; zeros may follow it. */
  #isBetween = false;

  /** @param sink - gets the output, in order, while `write` and `end` run */
  constructor(compression: Compression, sink: Sink) {
    this.#compression = compression;
    this.#sink = sink;
  }

  async write(chunk: Buffer): Promise<void> {
    for (let rest = chunk; rest.length > 0;) {
      if (this.#isBetween && this.#compression === "gzip") rest = withoutZeros(rest);
      if (rest.length === 0) return;
      this.#isBetween = false;
      const isNew = this.#frame === undefined;
      this.#frame ??= new Decoder(this.#compression, this.#sink);
      const consumed = await this.#frame.write(rest);
      if (consumed === rest.length) return;
      if (isNew && consumed === 0) throw new Error("compressed data has a rest that is not read");
      rest = rest.subarray(consumed);
      await this.end();
    }
  }

  async end(): Promise<void> {
    const frame = this.#frame;
    this.#frame = undefined;
    this.#isBetween = true;
    await frame?.end();
  }

  destroy(): void {
    this.#frame?.destroy();
    this.#frame = undefined;
  }
}

/** What follows zeros, with which tar pads what it writes. */
export function withoutZeros(bytes: Buffer): Buffer {
  let start = 0;
  while (bytes[start] === 0) start++;
  return bytes.subarray(start);
}

/** `bytesWritten`: bytes of the input that were used. */
export type ZlibStream = Duplex & { readonly bytesWritten: number };

/** Decoders that were given up so far, in this thread of ours. */
let givenUp = 0;

/**
 * Works on bytes, and gives their memory back. Not where a decoder was given up meanwhile, which may
 * still read them in a thread of Node's: the collector knows when that has ended.
 */
export async function thenFree<T>(bytes: Buffer, work: () => Promise<T>): Promise<T> {
  const before = givenUp;
  try {
    return await work();
  } finally {
    if (givenUp === before) free(bytes);
  }
}

/** One decoder of Node's: a zstd frame, gzip members without a gap, one deflate stream. */
export class Decoder {
  readonly #stream: ZlibStream;
  /** Rejects with the first error of the stream or of the sink; resolves at its end. */
  readonly #ended: Promise<void>;
  #given = 0;
  #isDone = false;

  constructor(codec: Codec, sink: Sink) {
    this.#stream = newStream(codec);
    this.#ended = new Promise((resolve, reject) => {
      this.#stream.on("data", (bytes: Buffer) => this.#give(bytes, sink));
      this.#stream.on("end", resolve);
      this.#stream.on("error", reject);
    });
    // an error is reported by the next write or end; until then it is nobody's rejection
    this.#ended.catch(() => undefined);
  }

  /** @returns how many bytes were used: fewer than given when the frame ended inside of them */
  async write(bytes: Buffer): Promise<number> {
    const before = this.#given;
    const written = new Promise<void>((resolve) => {
      this.#stream.write(bytes, () => resolve());
    });
    // a decoder that failed never calls back
    await Promise.race([written, this.#ended]);
    await this.#throwIfFailed();
    this.#given = this.#stream.bytesWritten;
    return this.#given - before;
  }

  /** @throws Error when the data is cut off */
  async end(): Promise<void> {
    this.#stream.end();
    await this.#ended;
    this.#isDone = true;
    this.#stream.destroy();
  }

  destroy(): void {
    if (!this.#isDone) givenUp++;
    this.#isDone = true;
    this.#stream.destroy();
  }

  #give(bytes: Buffer, sink: Sink): void {
    const fail = (error: unknown): void => {
      this.#stream.destroy(error instanceof Error ? error : new Error("sink failed"));
    };
    try {
      const taken = sink(bytes);
      if (taken === undefined) {
        freePiece(bytes);
        return;
      }
      this.#stream.pause();
      const goOn = (): void => {
        freePiece(bytes);
        this.#stream.resume();
      };
      taken.then(goOn, fail);
    } catch (error) {
      fail(error);
    }
  }

  /** The callback of a write may come before the error that the write caused. */
  async #throwIfFailed(): Promise<void> {
    if (this.#stream.errored !== null) await this.#ended;
  }
}

/** A decoder of Node's, with output of our size and, for zstd, in bounded memory. */
export function newStream(codec: Codec): ZlibStream {
  if (codec === "gzip") return zlib.createGunzip(OUTPUT);
  if (codec === "zlib") return zlib.createInflate(OUTPUT);
  if (codec === "deflate") return zlib.createInflateRaw(OUTPUT);
  const params = { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW };
  return zlib.createZstdDecompress({ ...OUTPUT, params });
}
