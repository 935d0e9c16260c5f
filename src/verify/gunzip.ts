import * as zlib from "node:zlib";
import { InflateStream } from "../wasm/inflater.ts";
import { withoutZeros } from "./decompress.ts";
import type { Decompression, Sink } from "./decompress.ts";
import { GZIP_TRAILER, gzipHeaderLength, hasSums } from "./gzip-header.ts";
import type { GzipSums } from "./gzip-header.ts";

/** Longest header: whoever writes a longer name or comment than this hides something. */
const LONGEST_HEADER = 1024 * 1024;

const NOTHING = Buffer.alloc(0);

/**
 * Decompresses gzip that comes in chunks, in this thread and in bounded memory: all members of it,
 * with zeros behind them, as tar pads. All else that is not decompressed is an error.
 */
export class Gunzip implements Decompression {
  readonly #sink: Sink;
  #inflate: InflateStream | undefined;
  /** What comes next; `padding` is what may follow a whole member. */
  #next: "header" | "content" | "trailer" | "padding" = "header";
  /** Bytes of a header or trailer that is not complete yet. */
  #held = NOTHING;
  #sums: GzipSums = { crc: 0, size: 0 };

  private constructor(sink: Sink, inflate: InflateStream) {
    this.#sink = sink;
    this.#inflate = inflate;
  }

  /**
   * @param sink - gets the output, in order, while `write` and `end` run
   * @returns null where no WebAssembly runs
   */
  static start(sink: Sink): Gunzip | null {
    const inflate = InflateStream.start();
    return inflate === null ? null : new Gunzip(sink, inflate);
  }

  async write(chunk: Buffer): Promise<void> {
    for (let rest = chunk; rest.length > 0;) {
      if (this.#next !== "content") rest = this.#readFrame(rest);
      else {
        rest = rest.subarray(this.#inflate?.add(rest) ?? rest.length);
        const behind = await this.#decode(false);
        if (behind.length > 0) rest = Buffer.concat([behind, rest]);
      }
    }
  }

  async end(): Promise<void> {
    while (this.#next === "content") {
      let rest = await this.#decode(true);
      while (rest.length > 0) {
        if (this.#next === "content") rest = rest.subarray(this.#inflate?.add(rest) ?? rest.length);
        else rest = this.#readFrame(rest);
      }
    }
    const isWhole = this.#next === "padding" && this.#held.length === 0;
    if (!isWhole) throw new Error("gzip that is cut off");
    this.destroy();
  }

  destroy(): void {
    this.#inflate?.release();
    this.#inflate = undefined;
  }

  /** Decodes what there is. @returns what stands behind the content, when it has ended */
  async #decode(isAll: boolean): Promise<Buffer> {
    for (;;) {
      // asked each time: while somebody waits, it may be given up, and be another's
      const inflate = this.#inflate;
      if (inflate === undefined) throw new Error("gzip after its end");
      const { output, result } = inflate.next(isAll);
      if (output.length > 0) {
        this.#sums.crc = zlib.crc32(output, this.#sums.crc);
        this.#sums.size += output.length;
        const taken = this.#sink(output);
        if (taken !== undefined) await taken;
      }
      if (result === "broken") throw new Error("gzip that is broken or cut off");
      if (result === "hungry") return NOTHING;
      if (result === "full") continue;
      this.#next = "trailer";
      return inflate.rest();
    }
  }

  /** Reads what is around the content. @returns what follows it, once it is complete */
  #readFrame(bytes: Buffer): Buffer {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = NOTHING;
    if (this.#next === "trailer") return this.#readTrailer(all);
    const rest = this.#next === "padding" ? withoutZeros(all) : all;
    const length = gzipHeaderLength(rest);
    if (length === null || rest.length > LONGEST_HEADER) throw new Error("no gzip, or no more");
    if (length === undefined) return this.#hold(rest);
    this.#inflate?.begin();
    this.#sums = { crc: 0, size: 0 };
    this.#next = "content";
    return rest.subarray(length);
  }

  #readTrailer(bytes: Buffer): Buffer {
    if (bytes.length < GZIP_TRAILER) return this.#hold(bytes);
    if (!hasSums(bytes, 0, this.#sums)) throw new Error("a gzip checksum is wrong");
    this.#next = "padding";
    return bytes.subarray(GZIP_TRAILER);
  }

  #hold(bytes: Buffer): Buffer {
    this.#held = Buffer.from(bytes);
    return NOTHING;
  }
}
