import * as zlib from "node:zlib";
import type { Duplex } from "node:stream";

/** Compressions of layers: media types end in `+gzip` and `+zstd`; the bytes decide, not the type. */
export type Compression = "gzip" | "zstd";

/** Sizes of the output: Node's default of 16 KiB costs a third of the speed (measured). */
const OUTPUT = { chunkSize: 256 * 1024 };

/** Says by the first four bytes how a blob is compressed; null when it is not. */
export function compressionOf(head: Buffer): Compression | null {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  if (head.length < 4) return null;
  const magic = head.readUInt32LE(0);
  // a zstd frame, or one of the 16 skippable frames that may stand before it (RFC 8878, 3.1)
  return magic === 0xfd2fb528 || magic >>> 4 === 0x184d2a5 ? "zstd" : null;
}

/**
 * Decompresses a stream that comes in chunks, in bounded memory, every frame or member of it:
 * Node stops at the end of the first zstd frame, and at zeros between gzip members, without a
 * word. What is not decompressed is an error here.
 */
export class Decompressor {
  readonly #compression: Compression;
  readonly #sink: (bytes: Buffer) => void;
  #frame: Frame | undefined;

  /** @param sink - gets the output, in order, while `write` and `end` run */
  constructor(compression: Compression, sink: (bytes: Buffer) => void) {
    this.#compression = compression;
    this.#sink = sink;
  }

  /** @throws Error when the bytes are broken; what came out before was given to the sink */
  async write(chunk: Buffer): Promise<void> {
    for (let rest = chunk; rest.length > 0;) {
      const isNew = this.#frame === undefined;
      this.#frame ??= new Frame(this.#compression, this.#sink);
      const consumed = await this.#frame.write(rest);
      if (consumed === rest.length) return;
      if (isNew && consumed === 0) throw new Error("compressed data has a rest that is not read");
      rest = rest.subarray(consumed);
      await this.end();
    }
  }

  /** @throws Error when the stream is cut off */
  async end(): Promise<void> {
    const frame = this.#frame;
    this.#frame = undefined;
    await frame?.end();
  }

  /** Frees the decoder of a stream that is given up. */
  destroy(): void {
    this.#frame?.destroy();
    this.#frame = undefined;
  }
}

type Decoder = Duplex & { readonly bytesWritten: number };

/** One decoder: a zstd frame, or gzip members without a gap. */
class Frame {
  readonly #decoder: Decoder;
  /** Rejects with the first error of the decoder or of the sink; resolves at its end. */
  readonly #ended: Promise<void>;
  #given = 0;

  constructor(compression: Compression, sink: (bytes: Buffer) => void) {
    this.#decoder = newDecoder(compression);
    this.#ended = new Promise((resolve, reject) => {
      this.#decoder.on("data", (bytes: Buffer) => {
        try {
          sink(bytes);
        } catch (error) {
          this.#decoder.destroy(error instanceof Error ? error : new Error("sink failed"));
        }
      });
      this.#decoder.on("end", resolve);
      this.#decoder.on("error", reject);
    });
    // an error is reported by the next write or end; until then it is nobody's rejection
    this.#ended.catch(() => undefined);
  }

  /** @returns how many bytes were used: fewer than given when the frame ended inside of them */
  async write(bytes: Buffer): Promise<number> {
    const before = this.#given;
    const written = new Promise<void>((resolve) => {
      this.#decoder.write(bytes, () => resolve());
    });
    // a decoder that failed never calls back
    await Promise.race([written, this.#ended]);
    await this.#throwIfFailed();
    this.#given = this.#decoder.bytesWritten;
    return this.#given - before;
  }

  async end(): Promise<void> {
    this.#decoder.end();
    await this.#ended;
    this.#decoder.destroy();
  }

  destroy(): void {
    this.#decoder.destroy();
  }

  /** The callback of a write may come before the error that the write caused. */
  async #throwIfFailed(): Promise<void> {
    if (this.#decoder.errored !== null) await this.#ended;
  }
}

function newDecoder(compression: Compression): Decoder {
  if (compression === "gzip") return zlib.createGunzip(OUTPUT);
  return zlib.createZstdDecompress(OUTPUT);
}
