import type { Readable } from "node:stream";
import { BlobScan } from "./blob.ts";
import type { Blob } from "./blob.ts";
import type { ScanContext } from "./content.ts";
import { cleanPath } from "./path-index.ts";
import { TarWalk } from "./tar-walk.ts";
import type { TarEntry } from "./tar-walk.ts";

/** All files of an image archive, read once, in the order they came. */
export interface Archive {
  /** Every file, also one whose name comes again. */
  readonly blobs: readonly Blob[];
  /** What is wrong with the archive as a whole. */
  readonly trouble: string | undefined;
  /** The file of that name, through links; the last one when a name comes again. */
  find(name: string): Blob | undefined;
}

/** Links that are followed for one name: `docker save` of 20.10 links equal layers once. */
const LINK_LIMIT = 8;

/** Options of {@link readArchive}. */
export interface ArchiveOptions extends ScanContext {
  /** Called with the bytes read so far; the engine may be silent for long before the first. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * Reads the tar that `docker save` makes, legacy or OCI layout, and scans every file in it. Files
 * come in any order, blobs before the manifest that names them, so nothing is known about a file
 * here but its bytes.
 */
export async function readArchive(source: Readable, o: ArchiveOptions): Promise<Archive> {
  const reader = new ArchiveReader(o);
  let trouble: string | undefined;
  try {
    for await (const chunk of source) {
      await reader.write(chunk as Buffer);
      o.onProgress?.(reader.position);
    }
  } catch {
    // a foreign error may quote anything; that the stream broke off is what counts
    trouble = "the stream broke off";
  }
  return reader.end(trouble);
}

class ArchiveReader {
  readonly #context: ScanContext;
  readonly #walk = new TarWalk();
  readonly #blobs: Blob[] = [];
  readonly #byName = new Map<string, Blob>();
  readonly #links = new Map<string, string>();
  #open: BlobScan | undefined;

  constructor(context: ScanContext) {
    this.#context = context;
  }

  get position(): number {
    return this.#walk.position;
  }

  async write(chunk: Buffer): Promise<void> {
    for (const event of this.#walk.write(chunk)) {
      if (event.kind === "entry") this.#begin(event.entry);
      else if (event.kind === "data") await this.#open?.write(event.bytes);
      else await this.#close(true);
    }
  }

  async end(broken: string | undefined): Promise<Archive> {
    await this.#close(false);
    const trouble = broken ?? this.#walk.finish();
    return { blobs: this.#blobs, trouble, find: (name) => this.#find(name) };
  }

  #begin(entry: TarEntry): void {
    const name = cleanPath(entry.path);
    if (entry.type === "1") this.#links.set(name, cleanPath(entry.link));
    else if (entry.type === "2") this.#links.set(name, resolveLink(name, entry.link));
    else if (entry.type === "0" || entry.type === "7") {
      this.#open = new BlobScan(name, this.#context);
    }
  }

  async #close(isComplete: boolean): Promise<void> {
    const blob = await this.#open?.end(isComplete);
    this.#open = undefined;
    if (blob === undefined) return;
    this.#blobs.push(blob);
    this.#byName.set(blob.name, blob);
  }

  #find(name: string): Blob | undefined {
    let wanted = name;
    for (let i = 0; i < LINK_LIMIT; i++) {
      const blob = this.#byName.get(wanted);
      if (blob !== undefined) return blob;
      const target = this.#links.get(wanted);
      if (target === undefined) return undefined;
      wanted = target;
    }
    return undefined;
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
