import { compressionOf, freePiece, newStream } from "../decompress.ts";
import type { Compression, ZlibStream } from "../decompress.ts";

/** Bytes that tell a compression. */
const MAGIC_LENGTH = 4;

/** Compressed data is broken, or is followed by something else. */
export class BrokenCompressionError extends Error {}

/**
 * The stream, decompressed when its first bytes say that it is compressed as a whole. Whoever takes
 * no more holds the decoder up, so memory is bounded however much a few bytes may grow. Every member
 * and frame is read; what is not decompressed is an error.
 *
 * @throws {@link BrokenCompressionError}, and what the stream throws
 */
export async function* unpacked(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const input = new Input(chunks);
  const compression = compressionOf(await input.peek(MAGIC_LENGTH));
  try {
    if (compression === null) yield* input.rest();
    else while (!(await input.isAtEnd())) yield* oneFrame(input, compression);
  } finally {
    input.close();
  }
}

/** The output of one zstd frame, or of gzip members without a gap. */
async function* oneFrame(input: Input, compression: Compression): AsyncGenerator<Buffer> {
  const decoder = newStream(compression);
  let isBroken = false;
  decoder.on("error", () => (isBroken = true));
  const feeding = feed(decoder, input);
  // told by the decoder, and thrown below
  feeding.catch((error: Error) => decoder.destroy(error));
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      yield chunk;
      freePiece(chunk);
    }
    await feeding;
  } catch (error) {
    await feeding;
    throw isBroken ? new BrokenCompressionError() : error;
  } finally {
    decoder.destroy();
  }
}

/** Gives chunks until the frame or the input ends; bytes behind the frame go back. */
async function feed(decoder: ZlibStream, input: Input): Promise<void> {
  let isNew = true;
  for (let chunk = await input.next(); chunk !== undefined; chunk = await input.next()) {
    const before = decoder.bytesWritten;
    await written(decoder, chunk);
    if (decoder.destroyed) return;
    const used = decoder.bytesWritten - before;
    if (isNew && used === 0) throw new BrokenCompressionError();
    isNew = false;
    if (used === chunk.length) continue;
    input.unread(chunk.subarray(used));
    break;
  }
  decoder.end();
}

/** Resolves when the decoder has used the chunk, or will use nothing more. */
async function written(decoder: ZlibStream, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      decoder.off("close", done);
      resolve();
    };
    decoder.on("close", done);
    decoder.write(chunk, done);
  });
}

/** Chunks that can be looked at before they are taken. */
class Input {
  readonly #iterator: AsyncIterator<Buffer, unknown>;
  #front: Buffer[] = [];

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#iterator = chunks[Symbol.asyncIterator]();
  }

  /** The first bytes, or all when there are fewer. */
  async peek(length: number): Promise<Buffer> {
    let head = (await this.next()) ?? Buffer.alloc(0);
    while (head.length < length) {
      // a chunk is good until the next one is asked for
      head = Buffer.from(head);
      const chunk = await this.next();
      if (chunk === undefined) break;
      head = Buffer.concat([head, chunk]);
    }
    this.unread(head);
    return head;
  }

  async next(): Promise<Buffer | undefined> {
    const known = this.#front.pop();
    if (known !== undefined) return known;
    const next = await this.#iterator.next();
    return next.done === true ? undefined : next.value;
  }

  unread(chunk: Buffer): void {
    if (chunk.length > 0) this.#front.push(chunk);
  }

  async isAtEnd(): Promise<boolean> {
    return (await this.peek(1)).length === 0;
  }

  async *rest(): AsyncGenerator<Buffer> {
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
  }

  /** Does not wait for a chunk that is on its way, and may never come. */
  close(): void {
    this.#iterator.return?.().catch(() => undefined);
  }
}
