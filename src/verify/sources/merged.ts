import { constants } from "node:fs";
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Pack } from "tar-stream";
import type { Blobs } from "../blobs.ts";
import { FileChunks } from "./file-chunks.ts";
import { FILES, MERGED } from "./merged-files.ts";
import type { ImageSource, OpenSource, SourcePart } from "./source.ts";

/** Follows no link and waits for no pipe, also where one was put since the folder was read. */
const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A tar of merged files, as `--output type=tar` writes it. */
export function mergedTar(path: string, name: string): ImageSource {
  return mergedFiles(name, () => new FileChunks(path));
}

/** A folder of merged files, as `--output type=local` writes it. Links are not followed, pipes not read. */
export function mergedFolder(folder: string, name: string): ImageSource {
  return mergedFiles(name, () => tarOf(folder));
}

function mergedFiles(name: string, read: () => AsyncIterable<Buffer>): ImageSource {
  return {
    name,
    // oxlint-disable-next-line typescript/require-await -- others wait for an engine
    async open() {
      return new OpenFiles(read);
    },
  };
}

class OpenFiles implements OpenSource {
  readonly isForeign = true;
  readonly partial = MERGED.partial;
  readonly limits = MERGED.limits;
  parts: readonly SourcePart[] | undefined;
  readonly #read: () => AsyncIterable<Buffer>;

  constructor(read: () => AsyncIterable<Buffer>) {
    this.#read = read;
  }

  async read(blobs: Blobs): Promise<void> {
    this.parts = [{ kind: "files", blob: await blobs.read(FILES, this.#read()) }];
  }

  close(): void {
    // each file is closed when it was read
  }
}

async function* tarOf(folder: string): AsyncGenerator<Buffer> {
  const { pack } = await import("tar-stream");
  const tar = pack();
  const filled = addEntries(tar, folder, "").then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error instanceof Error ? error : undefined),
  );
  for await (const chunk of tar) yield chunk as Buffer;
  await filled;
}

async function addEntries(tar: Pack, folder: string, below: string): Promise<void> {
  for (const each of await readdir(join(folder, below))) {
    const name = join(below, each);
    const path = join(folder, name);
    const found = await lstat(path);
    if (found.isDirectory()) {
      tar.entry({ name, type: "directory" });
      await addEntries(tar, folder, name);
    } else if (found.isSymbolicLink()) {
      tar.entry({ name, type: "symlink", linkname: await readlink(path) });
    } else if (found.isFile()) {
      await using file = await open(path, READ_ONLY);
      await pipeline(file.createReadStream(), tar.entry({ name, size: found.size }));
    } else tar.entry({ name, type: "fifo" });
  }
}
