import type { Readable } from "node:stream";
import type { BlobScan } from "../blob.ts";
import type { Blobs } from "../blobs.ts";
import { cleanPath } from "../path-index.ts";
import { TarWalk } from "../tar-walk.ts";
import type { TarEntry } from "../tar-walk.ts";
import type { ImageSource } from "./source.ts";

/**
 * The archive that `docker save` writes, legacy or OCI layout, as it streams by; not compressed as a
 * whole. Read to its end, or destroyed.
 *
 * @param name - what the report calls it
 */
export function archiveStream(stream: Readable, name: string): ImageSource {
  return {
    name,
    // oxlint-disable-next-line typescript/require-await -- others wait for an engine
    async open() {
      return {
        isForeign: true,
        read: async (blobs) => readTar(stream, blobs),
        close: () => void stream.destroy(),
      };
    },
  };
}

/**
 * Gives every file of an archive to `blobs`. Files come in any order, blobs before the manifest that
 * names them.
 */
export async function readTar(stream: Readable, blobs: Blobs): Promise<void> {
  const reader = new TarReader(blobs);
  try {
    for await (const chunk of stream) await reader.write(chunk as Buffer);
  } catch {
    // a foreign error may quote anything; that the stream broke off is what counts
    blobs.fail("the stream broke off");
  }
  await reader.end();
}

class TarReader {
  readonly #blobs: Blobs;
  readonly #walk = new TarWalk();
  #open: BlobScan | undefined;

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
    const name = cleanPath(entry.path);
    if (entry.type === "1") this.#blobs.link(name, cleanPath(entry.link));
    else if (entry.type === "2") this.#blobs.link(name, resolveLink(name, entry.link));
    else if (entry.type === "0" || entry.type === "7") this.#open = this.#blobs.begin(name);
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
