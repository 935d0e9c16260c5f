import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Platform } from "../../docker/platform.ts";
import { DockerError, errnoOf } from "../../errors.ts";
import { visible } from "../../mask/visible.ts";
import type { Blobs } from "../blobs.ts";
import { formOf } from "./archive-form.ts";
import { FileChunks } from "./file-chunks.ts";
import { MERGED, readFiles } from "./merged-files.ts";
import type { ImageSource, OpenSource, SourcePart } from "./source.ts";
import { TarReader } from "./tar-reader.ts";
import { BrokenCompressionError, unpacked } from "./unpack.ts";

/** How to read an archive. */
export interface ArchiveOptions {
  /** Searches the images for this platform only. */
  readonly platform?: Platform | undefined;
}

/**
 * An archive as it streams by: of `docker save`, legacy or OCI layout, or an OCI archive of a
 * builder. What `docker export` writes is read too, and the report says that it is a part only. May
 * be compressed as a whole, by gzip or zstd. Read to its end, or destroyed.
 *
 * @param name - what the report calls it
 */
export function archiveStream(stream: Readable, name: string, o: ArchiveOptions = {}): ImageSource {
  return {
    name,
    // oxlint-disable-next-line typescript/require-await -- others wait for an engine
    async open() {
      return new OpenArchive(patient(stream), o);
    },
  };
}

/**
 * The same from a file.
 *
 * @returns a source whose `open` throws IMAGE_MISSING and IMAGE_UNREADABLE
 */
export function archiveFile(path: string, name = path, o: ArchiveOptions = {}): ImageSource {
  return {
    name,
    async open() {
      const found = await stat(path).catch((error: unknown) => {
        throw unusable(name, errnoOf(error));
      });
      if (found.isDirectory()) throw unusable(name, "EISDIR");
      if (found.isFile()) return new OpenArchive(new FileChunks(path), o, found.size);
      return new OpenArchive(patient(createReadStream(path)), o);
    },
  };
}

/**
 * Gives every file of an image's archive to `blobs`. Files come in any order, blobs before the
 * manifest that names them.
 */
export async function readTar(chunks: AsyncIterable<Buffer>, blobs: Blobs): Promise<void> {
  const reader = new TarReader(blobs);
  try {
    for await (const chunk of chunks) {
      await reader.write(chunk);
      if (reader.isFull) break;
    }
  } catch (error) {
    blobs.fail(reasonOf(error));
  }
  await reader.end();
}

class OpenArchive implements OpenSource {
  readonly isForeign = true;
  readonly size: number | undefined;
  readonly platform: Platform | undefined;
  parts: readonly SourcePart[] | undefined;
  partial: string | undefined;
  limits: readonly string[] | undefined;
  readonly #stream: Bytes;

  constructor(stream: Bytes, { platform }: ArchiveOptions, size?: number) {
    this.#stream = stream;
    this.size = size;
    this.platform = platform;
  }

  async read(blobs: Blobs): Promise<void> {
    try {
      const { form, chunks } = await formOf(unpacked(this.#stream));
      if (form === "image") await readTar(chunks, blobs);
      else this.#take(await readFiles(chunks, blobs));
    } catch (error) {
      blobs.fail(reasonOf(error));
    }
  }

  close(): void {
    this.#stream.destroy();
  }

  #take(part: SourcePart): void {
    this.parts = [part];
    this.partial = MERGED.partial;
    this.limits = MERGED.limits;
  }
}

/** What an archive is read from, and let go of. */
type Bytes = AsyncIterable<Buffer> & { destroy(): unknown };

/** It may fail before it is read. */
function patient(stream: Readable): Readable {
  return stream.on("error", () => undefined);
}

/** A foreign error may quote anything; that the stream broke off is what counts. */
function reasonOf(error: unknown): string {
  const isBroken = error instanceof BrokenCompressionError;
  return isBroken ? "the compressed data is broken" : "the stream broke off";
}

function unusable(name: string, errno: string): DockerError {
  if (errno === "ENOENT" || errno === "ENOTDIR") {
    return new DockerError("IMAGE_MISSING", `there is no file ${visible(name)}`, {
      hint: "check the path, or write docker-daemon:NAME for an image of the engine",
    });
  }
  const what = errno === "EISDIR" ? "is a folder" : `can't be read (${errno})`;
  return new DockerError("IMAGE_UNREADABLE", `${visible(name)} ${what}`, {
    hint: "name an archive: of docker save, docker export, or buildx --output type=oci",
  });
}
