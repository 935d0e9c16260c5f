import type { BlobReader, Blobs } from "../blobs.ts";
import { cleanPath } from "../path-index.ts";
import { LONG_NAME, TarWalk } from "../tar-walk.ts";
import type { TarEntry } from "../tar-walk.ts";
import { BLOB_LIMIT } from "./graph.ts";

/** Gives the files of a tar that comes in chunks to `blobs`. Nothing is ever written: names are keys. */
export class TarReader {
  /** More files than any image has: what follows is not read, and `blobs` knows. */
  isFull = false;
  readonly #blobs: Blobs;
  readonly #walk = new TarWalk();
  #open: BlobReader | undefined;
  #count = 0;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  async write(chunk: Buffer): Promise<void> {
    for (const event of this.#walk.write(chunk)) {
      if (event.kind === "entry") this.#begin(event.entry);
      else if (event.kind === "data") await this.#open?.write(event.bytes);
      else await this.#close(true);
    }
    this.#blobs.count(chunk.length);
  }

  async end(): Promise<void> {
    await this.#close(false);
    const trouble = this.#walk.finish();
    if (trouble !== undefined) this.#blobs.fail(trouble);
  }

  #begin(entry: TarEntry): void {
    const isLink = entry.type === "1" || entry.type === "2";
    const isFile = entry.type === "0" || entry.type === "7";
    if (!isLink && !isFile) return;
    if (++this.#count > BLOB_LIMIT) {
      this.isFull = true;
      this.#blobs.fail(`it holds more than ${BLOB_LIMIT} files`);
      return;
    }
    if (entry.path === LONG_NAME || entry.link === LONG_NAME) {
      this.#blobs.fail("a name of more than 4096 characters");
      return;
    }
    const name = cleanPath(entry.path);
    if (entry.type === "1") this.#blobs.link(name, cleanPath(entry.link));
    else if (entry.type === "2") this.#blobs.link(name, resolveLink(name, entry.link));
    else this.#open = this.#blobs.begin(name);
  }

  async #close(isComplete: boolean): Promise<void> {
    const scan = this.#open;
    this.#open = undefined;
    if (scan !== undefined) await this.#blobs.end(scan, isComplete);
  }
}

/** `../ab/layer.tar` seen from `cd/layer.tar` is `ab/layer.tar`. */
function resolveLink(name: string, target: string): string {
  const parts = target.startsWith("/") ? [] : name.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}
