import type { Hash } from "node:crypto";
import { createHash } from "node:crypto";
import { NeedleSearch } from "../needles/search.ts";
import { ContentScan } from "./content.ts";
import type { Content, ScanContext } from "./content.ts";
import { compressionOf, Decompressor } from "./decompress.ts";
import type { Compression, Decompression, Sink } from "./decompress.ts";
import { Gunzip } from "./gunzip.ts";
import { HitLog } from "./hit-log.ts";

/** One file of an image archive after it was read: what it is, and what was found in it. */
export interface Blob extends Content {
  /** Name in the archive, such as `blobs/sha256/…` or `…/layer.tar`. */
  readonly name: string;
  /** Bytes as they came, before decompression. */
  readonly stored?: number;
  /** Why the bytes were not all searched; the blob proves nothing then. */
  readonly trouble: string | undefined;
  /** Not read this time: an earlier search has shown what is said here, and that nothing is in it. */
  readonly cached?: true;
}

/** Bytes needed to tell a compression. */
const MAGIC_LENGTH = 4;

/** Names in an OCI layout say what the content must hash to. */
const BLOB_NAME = /^blobs\/(?<algorithm>sha256|sha384|sha512)\/(?<digest>[0-9a-f]{64,128})$/u;

/**
 * Reads one file of an archive as it streams by: decompresses it if its first bytes say so, and
 * searches the result. Keeps hits and JSON, never the bytes of a layer.
 */
export class BlobScan {
  readonly #name: string;
  readonly #context: ScanContext;
  readonly #content: ContentScan;
  readonly #hash: { readonly hash: Hash; readonly digest: string } | undefined;
  #head: Buffer | undefined = Buffer.alloc(0);
  #decompressor: Decompression | undefined;
  #compressed: CompressedSearch | undefined;
  #trouble: string | undefined;
  #stored = 0;

  constructor(name: string, context: ScanContext) {
    this.#name = name;
    this.#context = context;
    this.#content = new ContentScan(context);
    this.#hash = context.checkDigests ? hashFor(name) : undefined;
  }

  /** Takes the next bytes; resolves when they are searched, so a caller that waits is slowed down. */
  async write(chunk: Buffer): Promise<void> {
    this.#hash?.hash.update(chunk);
    this.#stored += chunk.length;
    if (this.#head === undefined) return this.#decode(chunk);
    this.#head = Buffer.concat([this.#head, chunk]);
    if (this.#head.length < MAGIC_LENGTH) return undefined;
    return this.#begin();
  }

  /**
   * @param isComplete - false when the archive ended before the blob did
   * @param reason - why it did, where that is known
   */
  async end(isComplete: boolean, reason = "the archive is cut off"): Promise<Blob> {
    if (this.#head !== undefined) await this.#begin();
    await this.#attempt(async () => this.#decompressor?.end());
    const content = await this.#content.end();
    this.#compressed?.end(content.log);
    const trouble = isComplete ? (this.#trouble ?? this.#mismatch()) : reason;
    const name = this.#name;
    return { ...content, name, stored: this.#stored, trouble: trouble ?? content.trouble };
  }

  async #begin(): Promise<void> {
    const head = this.#head ?? Buffer.alloc(0);
    this.#head = undefined;
    const compression = compressionOf(head);
    if (compression !== null) {
      this.#decompressor = decompress(compression, (bytes) => this.#content.write(bytes));
      this.#compressed = new CompressedSearch(this.#context);
    }
    await this.#decode(head);
  }

  async #decode(chunk: Buffer): Promise<void> {
    this.#compressed?.write(chunk);
    const decompressor = this.#decompressor;
    if (decompressor === undefined) await this.#content.write(chunk);
    else if (this.#trouble === undefined) await this.#attempt(() => decompressor.write(chunk));
  }

  /** What came out before an error was searched; the rest is gone. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    if (this.#trouble !== undefined) return;
    try {
      await work();
    } catch {
      this.#trouble = "the compressed data is broken";
      this.#decompressor?.destroy();
    }
  }

  #mismatch(): string | undefined {
    if (this.#hash === undefined) return undefined;
    const { hash, digest } = this.#hash;
    return hash.digest("hex") === digest ? undefined : "the bytes don't match the digest";
  }
}

/**
 * Searches compressed bytes as they are, for what no decoder gives: names and comments of gzip, frames
 * of zstd that are skipped, and what follows broken data.
 */
class CompressedSearch {
  readonly #search: NeedleSearch;
  readonly #log = new HitLog();

  constructor({ table }: ScanContext) {
    this.#search = new NeedleSearch(table);
  }

  write(chunk: Buffer): void {
    this.#search.write(chunk, ({ needle, offset }) => {
      this.#log.add({ needle, path: "", part: "gap", offset });
    });
  }

  /** @param content - gets the secrets that it has not: what is stored as it is, is found twice */
  end(content: HitLog): void {
    this.#search.end();
    const found = new Set(content.places.map(({ secret }) => secret));
    content.addAll("", {
      places: this.#log.places.filter(({ secret }) => !found.has(secret)),
      omitted: 0,
    });
  }
}

/** Most layers are gzip, and most of the time that they take goes into that: see `gunzip.ts`. */
function decompress(compression: Compression, sink: Sink): Decompression {
  const own = compression === "gzip" ? Gunzip.start(sink) : null;
  return own ?? new Decompressor(compression, sink);
}

function hashFor(name: string): { hash: Hash; digest: string } | undefined {
  const { algorithm, digest } = BLOB_NAME.exec(name)?.groups ?? {};
  if (algorithm === undefined || digest === undefined) return undefined;
  return { hash: createHash(algorithm), digest };
}
