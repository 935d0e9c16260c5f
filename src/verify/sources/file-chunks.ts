import { constants, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { Turns } from "../turns.ts";

/**
 * Bytes that are read at once. What the hits in them are made of lives as long, and the collector gives
 * more memory to those of whom much lives: with 1 MiB, an archive full of hits took 100 MB more.
 */
const CHUNK = 256 * 1024;

/** Waits for no pipe, also where one was put since somebody looked. */
const READ_ONLY = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * The bytes of a plain file, in one piece of memory: a stream of Node's has new memory for each chunk,
 * of which the collector lets some 60 MB pass before it looks. Read right here: to have a thread read
 * and to wait for its word takes twice as long as reading what the system has in memory (measured).
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
    await using file = await open(this.#path, READ_ONLY);
    const memory = Buffer.alloc(CHUNK);
    const turns = new Turns();
    for (;;) {
      const length = readSync(file.fd, memory, 0, CHUNK, null);
      if (length === 0) return;
      yield memory.subarray(0, length);
      await turns.next();
      if (this.#isClosed) throw new Error("the file was closed");
    }
  }
}
