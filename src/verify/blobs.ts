import { SealmountError } from "../errors.ts";
import { BlobScan } from "./blob.ts";
import type { Blob } from "./blob.ts";
import type { ScanContext } from "./content.ts";
import { blobName } from "./digest-name.ts";
import { RecordTally } from "./records.ts";
import type { TarEntry } from "./tar-walk.ts";
import { PassedOver } from "./verdicts/passed-over.ts";
import { blobOf } from "./verdicts/verdict.ts";
import type { Verdicts } from "./verdicts/verdicts.ts";

/** Links that are followed for one name: `docker save` of 20.10 links equal layers once. */
const LINK_LIMIT = 8;

/** Takes the bytes of one file as they come. */
export interface BlobReader {
  /** Resolves when they are searched, so a caller that waits is slowed down. */
  write(chunk: Buffer): Promise<void>;
  /**
   * @param isComplete - false when the source ended before the file did
   * @param reason - why it did, where that is known
   */
  end(isComplete: boolean, reason?: string): Promise<Blob>;
}

/**
 * The files of one image, whatever they come from: documents and layers, in any order. Nothing is
 * known about a file here but its name and its bytes; what it is, `manifests.ts` finds out.
 */
export class Blobs {
  readonly #context: ScanContext;
  readonly #onProgress: ((bytes: number) => void) | undefined;
  readonly #verdicts: Verdicts | undefined;
  readonly #all: Blob[] = [];
  readonly #byName = new Map<string, Blob>();
  readonly #links = new Map<string, string>();
  /** What is of no image: the engine's records of its builds. */
  readonly records: RecordTally;
  #bytes = 0;
  #trouble: string | undefined;

  /**
   * @param onProgress - called with the bytes that came so far
   * @param verdicts - stay the caller's
   */
  constructor(context: ScanContext, onProgress?: (bytes: number) => void, verdicts?: Verdicts) {
    this.#context = context;
    this.records = new RecordTally(context.table);
    this.#onProgress = onProgress;
    this.#verdicts = verdicts;
  }

  /** Every file, also one whose name comes again. */
  get all(): readonly Blob[] {
    return this.#all;
  }

  /** Every file, and the records as one more: for what a report counts. */
  get counted(): readonly Blob[] {
    const { blob } = this.records;
    return blob === undefined ? this.#all : [...this.#all, blob];
  }

  /** What is wrong with the source as a whole. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Says that the source as a whole was not read; the first reason counts. */
  fail(trouble: string): void {
    this.#trouble ??= trouble;
  }

  /**
   * Says that this blob need not be read, or not again: an earlier search has shown that none of the
   * secrets is in it, and it is part of the image from now on; or it was read already.
   */
  isKnown(digest: string): boolean {
    const name = blobName(digest);
    const known = this.#byName.get(name);
    if (known !== undefined) return known.trouble === undefined;
    const verdict = this.#verdicts?.cleanOf(name);
    if (verdict === undefined) return false;
    this.#add(blobOf(name, verdict));
    return true;
  }

  /**
   * Begins a file: `blobs/sha256/…` where its digest is known, else its path in the source. One at
   * a time: end it with {@link end} before the next.
   */
  begin(name: string): BlobReader {
    const context = this.#context;
    const verdict = this.#verdicts?.cleanOf(name);
    if (verdict !== undefined) return new PassedOver(name, verdict, context.checkDigests);
    return new BlobScan(name, this.#verdicts?.contextFor(name, context) ?? context);
  }

  /**
   * @param isComplete - false when the source ended before the file did
   * @param reason - why it did, where that is known
   */
  async end(scan: BlobReader, isComplete: boolean, reason?: string): Promise<Blob> {
    const blob = await scan.end(isComplete, reason);
    this.#add(blob);
    await this.#verdicts?.keep(blob);
    return blob;
  }

  /** A whole file. A stream that breaks off leaves an incomplete one; that is no error here. */
  async read(name: string, chunks: AsyncIterable<Buffer>): Promise<Blob> {
    const scan = this.begin(name);
    const { isComplete, reason } = await this.#feed(scan, chunks);
    return this.end(scan, isComplete, reason);
  }

  /** A whole tar of an image's files, which is no layer: no verdict on it is known, or kept. */
  async readFiles(
    name: string,
    chunks: AsyncIterable<Buffer>,
    onEntry: (entry: TarEntry) => void,
  ): Promise<Blob> {
    const scan = new BlobScan(name, { ...this.#context, onEntry });
    const { isComplete, reason } = await this.#feed(scan, chunks);
    return this.end(scan, isComplete, reason);
  }

  /** A whole file that counts for {@link Blobs.records}, and is none of the image's. */
  async readRecord(name: string, chunks: AsyncIterable<Buffer>): Promise<void> {
    const budget = RecordTally.budget();
    const scan = new BlobScan(name, { ...this.#context, budget });
    const { isComplete, reason = "it was not sent to its end" } = await this.#feed(scan, chunks);
    this.records.add(await scan.end(isComplete, reason), budget);
  }

  async #feed(
    scan: BlobReader,
    chunks: AsyncIterable<Buffer>,
  ): Promise<{ readonly isComplete: boolean; readonly reason?: string }> {
    try {
      for await (const chunk of chunks) {
        await scan.write(chunk);
        this.count(chunk.length);
      }
      return { isComplete: true };
    } catch (error) {
      // a foreign error may quote anything; that the file broke off is what counts
      return {
        isComplete: false,
        ...(error instanceof SealmountError && { reason: error.message }),
      };
    }
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

  #add(blob: Blob): void {
    this.#all.push(blob);
    this.#byName.set(blob.name, blob);
  }
}
