import { SealmountError } from "../errors.ts";
import { BlobScan } from "./blob.ts";
import type { Blob } from "./blob.ts";
import type { ScanContext } from "./content.ts";
import { blobName } from "./manifests.ts";

/** Links that are followed for one name: `docker save` of 20.10 links equal layers once. */
const LINK_LIMIT = 8;

/**
 * The files of one image, whatever they come from: documents and layers, in any order. Nothing is
 * known about a file here but its name and its bytes; what it is, `manifests.ts` finds out.
 */
export class Blobs {
  readonly #context: ScanContext;
  readonly #onProgress: ((bytes: number) => void) | undefined;
  readonly #all: Blob[] = [];
  readonly #byName = new Map<string, Blob>();
  readonly #links = new Map<string, string>();
  #bytes = 0;
  #trouble: string | undefined;

  /** @param onProgress - called with the bytes that came so far */
  constructor(context: ScanContext, onProgress?: (bytes: number) => void) {
    this.#context = context;
    this.#onProgress = onProgress;
  }

  /** Every file, also one whose name comes again. */
  get all(): readonly Blob[] {
    return this.#all;
  }

  /** What is wrong with the source as a whole. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Says that the source as a whole was not read; the first reason counts. */
  fail(trouble: string): void {
    this.#trouble ??= trouble;
  }

  /** True for a blob that need not be read (again). */
  isKnown(digest: string): boolean {
    return this.#byName.has(blobName(digest));
  }

  /**
   * Begins a file: `blobs/sha256/…` where its digest is known, else its path in the source. One at
   * a time: end it with {@link end} before the next.
   */
  begin(name: string): BlobScan {
    return new BlobScan(name, this.#context);
  }

  /**
   * @param isComplete - false when the source ended before the file did
   * @param reason - why it did, where that is known
   */
  async end(scan: Pick<BlobScan, "end">, isComplete: boolean, reason?: string): Promise<Blob> {
    const blob = await scan.end(isComplete, reason);
    this.#all.push(blob);
    this.#byName.set(blob.name, blob);
    return blob;
  }

  /** A whole file. A stream that breaks off leaves an incomplete one; that is no error here. */
  async read(name: string, chunks: AsyncIterable<Buffer>): Promise<Blob> {
    const scan = this.begin(name);
    let isComplete = true;
    let reason: string | undefined;
    try {
      for await (const chunk of chunks) {
        await scan.write(chunk);
        this.count(chunk.length);
      }
    } catch (error) {
      // a foreign error may quote anything; that the file broke off is what counts
      isComplete = false;
      if (error instanceof SealmountError) reason = error.message;
    }
    return this.end(scan, isComplete, reason);
  }

  /** Forgets every file: the same image is read again, from somewhere else. */
  clear(): void {
    this.#all.length = 0;
    this.#byName.clear();
    this.#links.clear();
    this.#trouble = undefined;
  }

  /** Counts bytes of the source as read. */
  count(bytes: number): void {
    this.#bytes += bytes;
    this.#onProgress?.(this.#bytes);
  }

  /** Another name of a file. */
  link(name: string, target: string): void {
    this.#links.set(name, target);
  }

  /** The file of that name, through links; the last one when a name comes again. */
  find(name: string): Blob | undefined {
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
