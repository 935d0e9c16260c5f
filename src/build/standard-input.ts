/** Standard input of a build: a Dockerfile, or a tar with the whole context. */
import type { Readable } from "node:stream";

/** Enough to tell a tar from a Dockerfile: two blocks of a tar. */
const HEAD_BYTES = 1024;

/** First bytes of bzip2, gzip and xz. */
const COMPRESSED = ["425a68", "1f8b08", "fd377a585a00"];

/** Reads a stream once, for a plan and for the build after it: the head twice, the rest once. */
export class StandardInput {
  readonly #chunks: AsyncIterator<Buffer>;
  #head: Promise<Buffer> | undefined;
  #all: Promise<Buffer> | undefined;

  constructor(stream: Readable) {
    this.#chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** True when it begins as a tar does, compressed or not. */
  async isArchive(): Promise<boolean> {
    const head = await this.#readHead();
    if (COMPRESSED.some((magic) => head.toString("hex").startsWith(magic))) return true;
    return head.length >= 512 && isTarHeader(head.subarray(0, 512));
  }

  /** Everything, as for a Dockerfile; the same each time. @throws RangeError over `limit` bytes */
  async all(limit: number): Promise<Buffer> {
    this.#all ??= this.#readAll(limit);
    return this.#all;
  }

  /** The bytes from the start, once. */
  async *stream(): AsyncGenerator<Buffer> {
    yield await this.#readHead();
    for (let next = await this.#chunks.next(); next.done !== true; next = await this.#chunks.next())
      yield next.value;
  }

  async #readHead(): Promise<Buffer> {
    this.#head ??= this.#take();
    return this.#head;
  }

  async #take(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (let size = 0; size < HEAD_BYTES; size += chunks.at(-1)?.length ?? 0) {
      const next = await this.#chunks.next();
      if (next.done === true) break;
      chunks.push(next.value);
    }
    return Buffer.concat(chunks);
  }

  async #readAll(limit: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.stream()) {
      size += chunk.length;
      if (size > limit) throw new RangeError(`more than ${limit} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}

/** The checksum of a header block: the sum of its bytes, its own field (148 to 155) as blanks. */
function isTarHeader(block: Buffer): boolean {
  const wanted = Number.parseInt(block.toString("latin1", 148, 156).replace(/[\0 ]+$/, ""), 8);
  let sum = 8 * 0x20;
  for (const [at, byte] of block.entries()) if (at < 148 || at >= 156) sum += byte;
  return sum === wanted;
}
