import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { DockerError } from "../../errors.ts";
import { visible } from "../../mask/visible.ts";
import type { Blobs } from "../blobs.ts";
import { parsed, text, field, items } from "../json.ts";
import { blobName } from "../manifests.ts";
import { readGraph } from "./graph.ts";
import type { ImageSource } from "./source.ts";

/** Bytes of a blob that are read at once. */
const CHUNK = 1024 * 1024;

/** What names a file of a layout: nothing that could lead out of its folder. */
const DIGEST = /^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/u;

/**
 * A folder with an OCI image layout: `index.json`, and blobs by digest.
 *
 * @returns a source whose `open` throws IMAGE_MISSING when the folder is none
 * @see OCI image-spec, image-layout.md
 */
export function layoutFolder(folder: string): ImageSource {
  return {
    name: folder,
    async open() {
      const index = await readFile(join(folder, "index.json")).catch(() => null);
      if (index === null) throw missing(folder);
      return {
        isForeign: true,
        read: async (blobs) => readLayout(blobs, folder, index),
        close: () => undefined,
      };
    },
  };
}

async function readLayout(blobs: Blobs, folder: string, index: Buffer): Promise<void> {
  await blobs.read("index.json", chunksOf(index));
  const roots = items(field(parsed(index), "manifests")).flatMap(
    (descriptor) => text(field(descriptor, "digest")) ?? [],
  );
  await readGraph(blobs, roots, async (digest) => openFile(folder, digest));
}

async function openFile(folder: string, digest: string): Promise<AsyncIterable<Buffer> | null> {
  if (!DIGEST.test(digest)) return null;
  const path = join(folder, blobName(digest));
  const isThere = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  return isThere ? createReadStream(path, { highWaterMark: CHUNK }) : null;
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield bytes;
}

function missing(folder: string): DockerError {
  return new DockerError("IMAGE_MISSING", `${visible(folder)} holds no OCI image layout`, {
    hint: "name the folder that index.json is in",
  });
}
