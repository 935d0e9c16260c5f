/** One blob that is being written: it gets its name when it is whole and what it was said to be. */
import { createHash, randomBytes, type Hash } from "node:crypto";
import { lstat, mkdir, open, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { GRPC_STATUS, GrpcError } from "../grpc.ts";
import type { Blobs } from "./blobs.ts";
import { wantedHex } from "./digest.ts";
import type { WriteRequest, WriteStatus } from "./messages.ts";

/** A write in progress: a file of its own below `ingest/`. */
export class Ingest {
  readonly #ref: string;
  readonly #path: string;
  readonly #blobs: Blobs;
  readonly #started = new Date();
  #file: FileHandle | null;
  #hash: Hash = createHash("sha256");
  #updated = this.#started;
  #offset = 0;
  #total = 0;
  #expected = "";

  private constructor(ref: string, path: string, file: FileHandle, blobs: Blobs) {
    this.#ref = ref;
    this.#path = path;
    this.#file = file;
    this.#blobs = blobs;
  }

  /** @param root - of the layout; the folders of it are made where they are missing */
  static async begin(ref: string, root: string, blobs: Blobs): Promise<Ingest> {
    const dir = join(root, "ingest");
    await mkdir(dir, { recursive: true });
    await mkdir(blobs.dir, { recursive: true });
    for (const made of [dir, join(root, "blobs"), blobs.dir])
      if (!(await lstat(made)).isDirectory()) throw new Error("a folder of the layout is a link");
    // the peer's ref is no name for a file
    const path = join(dir, randomBytes(16).toString("hex"));
    return new Ingest(ref, path, await open(path, "wx", 0o444), blobs);
  }

  get status(): WriteStatus {
    return {
      ref: this.#ref,
      offset: this.#offset,
      total: this.#total,
      expected: this.#expected,
      started: this.#started,
      updated: this.#updated,
    };
  }

  /** Digest of the bytes so far. */
  get digest(): string {
    return `sha256:${this.#hash.copy().digest("hex")}`;
  }

  /**
   * Takes what a message says of the whole blob.
   *
   * @throws {@link GrpcError} already exists, when there is nothing to write
   */
  async expect({ total, expected }: WriteRequest): Promise<void> {
    if (total > 0) this.#total = total;
    if (expected === "") return;
    const hex = wantedHex(expected);
    this.#expected = expected;
    if (await this.#blobs.has(hex)) throw alreadyThere();
  }

  /** @throws {@link GrpcError} out of range, or when the write was aborted */
  async write({ offset, data }: WriteRequest): Promise<void> {
    const file = this.#open();
    if (offset === 0 && this.#offset > 0) await this.#restart(file);
    if (offset !== this.#offset && offset !== 0)
      throw new GrpcError(GRPC_STATUS.outOfRange, "a write is to start where the last one ended");
    for (let at = 0; at < data.length;) {
      const { bytesWritten } = await file.write(data, at, data.length - at, this.#offset + at);
      at += bytesWritten;
    }
    this.#hash.update(data);
    this.#offset += data.length;
    this.#updated = new Date();
  }

  /**
   * Gives the blob its name.
   *
   * @returns its digest
   * @throws {@link GrpcError} failed precondition when it is not what was announced; already exists
   */
  async commit(): Promise<string> {
    const file = this.#open();
    const { digest } = this;
    if (this.#total > 0 && this.#total !== this.#offset)
      throw new GrpcError(GRPC_STATUS.failedPrecondition, "the blob has another size");
    if (this.#expected !== "" && this.#expected !== digest)
      throw new GrpcError(GRPC_STATUS.failedPrecondition, "the blob has another digest");
    await file.datasync();
    const hex = wantedHex(digest);
    if (await this.#blobs.has(hex)) throw alreadyThere();
    await rename(this.#path, this.#blobs.pathOf(hex));
    await this.discard();
    return digest;
  }

  /** Takes away what was written under no name yet. Safe to repeat. */
  async discard(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    if (file === null) return;
    await file.close();
    await rm(this.#path, { force: true });
  }

  #open(): FileHandle {
    if (this.#file !== null) return this.#file;
    throw new GrpcError(GRPC_STATUS.failedPrecondition, "the write was aborted");
  }

  async #restart(file: FileHandle): Promise<void> {
    await file.truncate(0);
    this.#hash = createHash("sha256");
    this.#offset = 0;
  }
}

function alreadyThere(): GrpcError {
  return new GrpcError(GRPC_STATUS.alreadyExists, "the store has that blob");
}
