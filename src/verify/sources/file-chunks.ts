import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

/**
 * Bytes that are read at once. What the hits in them are made of lives as long, and the collector gives
 * more memory to those of whom much lives: with 1 MiB, an archive full of hits took 100 MB more.
 */
const CHUNK = 256 * 1024;

/** Waits for no pipe, also where one was put since somebody looked. */
const READ_ONLY = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * The bytes of a plain file, in two pieces of memory that take turns: one is filled while the other is
 * searched. A stream of Node's has new memory for each chunk, of which the collector lets some 60 MB
 * pass before it looks.
 *
 * A chunk is good until the next one is asked for.
 */
export class FileChunks implements AsyncIterable<Buffer> {
  readonly #path: string;
  #isClosed = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Ends it, also in the middle: whoever reads gets an error. Safe to repeat. */
  destroy(): void {
    this.#isClosed = true;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    const file = await open(this.#path, READ_ONLY);
    let [filled, free] = [Buffer.alloc(CHUNK), Buffer.alloc(CHUNK)];
    let reading = fill(file, free);
    try {
      for (;;) {
        const length = await reading;
        if (length === 0) return;
        [filled, free] = [free, filled];
        reading = fill(file, free);
        if (this.#isClosed) throw new Error("the file was closed");
        yield filled.subarray(0, length);
      }
    } finally {
      await reading.catch(() => undefined);
      await file.close();
    }
  }
}

/** @returns the bytes that were read; 0 at the end */
async function fill(file: FileHandle, memory: Buffer): Promise<number> {
  const reading = file.read(memory, 0, memory.length, null).then(({ bytesRead }) => bytesRead);
  // thrown when its turn comes
  reading.catch(() => undefined);
  return reading;
}
