/** The blobs of an OCI layout: `blobs/sha256/<hex>` below one folder, and nothing outside of it. */
import { constants } from "node:fs";
import { lstat, open, readdir, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { errnoOf } from "../../errors.ts";
import { GRPC_STATUS, GrpcError } from "../grpc.ts";
import type { BlobInfo } from "./messages.ts";

const HEX = /^[0-9a-f]{64}$/;

/** Blobs by the hex digits of their digests. */
export class Blobs {
  /** Where they are. */
  readonly dir: string;
  readonly #parents: readonly string[];

  /** @param root - of the layout; absolute */
  constructor(root: string) {
    this.#parents = [join(root, "blobs"), join(root, "blobs", "sha256")];
    this.dir = join(root, "blobs", "sha256");
  }

  /** The path of a blob. @throws RangeError for what no digest can be: it would be a fault of ours */
  pathOf(hex: string): string {
    if (!HEX.test(hex)) throw new RangeError("not the hex digits of a digest");
    return join(this.dir, hex);
  }

  /**
   * Opens a blob for reading. The folders and the file must be what they seem: a link in a layout
   * that somebody gave away could point anywhere.
   *
   * @throws {@link GrpcError} not found
   */
  async open(hex: string): Promise<FileHandle> {
    for (const dir of this.#parents) {
      const found = await lstat(dir).catch(() => null);
      if (found?.isDirectory() !== true) throw missing();
    }
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(this.pathOf(hex), flags).catch((error: unknown) => {
      if (isAnswer(error)) throw missing();
      throw error;
    });
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw missing();
  }

  /** @throws {@link GrpcError} not found */
  async info(hex: string): Promise<BlobInfo> {
    await using file = await this.open(hex);
    const { size, mtime } = await file.stat();
    return { digest: `sha256:${hex}`, size, changed: mtime };
  }

  async has(hex: string): Promise<boolean> {
    return (await this.#find(hex)) !== null;
  }

  /** Every blob that is there. */
  async *list(): AsyncGenerator<BlobInfo> {
    const names = await readdir(this.dir).catch(() => []);
    for (const hex of names.filter((name) => HEX.test(name))) {
      const found = await this.#find(hex);
      if (found !== null) yield found;
    }
  }

  async remove(hex: string): Promise<void> {
    await rm(this.pathOf(hex), { force: true });
  }

  async #find(hex: string): Promise<BlobInfo | null> {
    return this.info(hex).catch((error: unknown) => {
      if (error instanceof GrpcError) return null;
      throw error;
    });
  }
}

/** Nothing there, or a link. */
function isAnswer(error: unknown): boolean {
  return ["ENOENT", "ELOOP", "ENXIO"].includes(errnoOf(error));
}

function missing(): GrpcError {
  return new GrpcError(GRPC_STATUS.notFound, "this store has no such blob");
}
