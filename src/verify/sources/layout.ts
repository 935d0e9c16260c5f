import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Platform } from "../../docker/platform.ts";
import { DockerError } from "../../errors.ts";
import { visible } from "../../mask/visible.ts";
import type { Blobs } from "../blobs.ts";
import { choose } from "../descriptors.ts";
import { blobName } from "../digest-name.ts";
import { parsed, text, field } from "../json.ts";
import { FileChunks } from "./file-chunks.ts";
import { BLOB_LIMIT, readGraph } from "./graph.ts";
import type { ImageSource } from "./source.ts";

/** Largest `index.json`: registries take no document above it either. */
const INDEX_LIMIT = 4 * 1024 * 1024;

/** A file that says that a folder is a layout, and may be missing. */
const MARK = "oci-layout";

/** What names a file of a layout: nothing that could lead out of its folder. */
const DIGEST = /^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/u;

/**
 * A folder with an OCI image layout: `index.json`, and blobs by digest. Blobs that nothing names are
 * read as well: whoever gets the folder gets them.
 *
 * @returns a source whose `open` throws IMAGE_MISSING when the folder is none
 * @see OCI image-spec, image-layout.md
 */
export function layoutFolder(
  folder: string,
  name = folder,
  o: { readonly platform?: Platform | undefined } = {},
): ImageSource {
  return {
    name,
    async open() {
      const path = join(folder, "index.json");
      const size = await stat(path).then(
        (found) => (found.isFile() ? found.size : Number.NaN),
        () => Number.NaN,
      );
      const index = size <= INDEX_LIMIT ? await readFile(path).catch(() => null) : null;
      if (index === null) throw missing(name);
      return {
        isForeign: true,
        platform: o.platform,
        limits: ["files beside the layout's own are not searched"],
        read: async (blobs) => readLayout(blobs, folder, { index, platform: o.platform }),
        close: () => undefined,
      };
    },
  };
}

async function readLayout(
  blobs: Blobs,
  folder: string,
  { index, platform }: { readonly index: Buffer; readonly platform: Platform | undefined },
): Promise<void> {
  await blobs.read("index.json", chunksOf(index));
  const { wanted } = choose(parsed(index), platform);
  const roots = wanted.flatMap((descriptor) => text(field(descriptor, "digest")) ?? []);
  const openBlob = async (digest: string): Promise<AsyncIterable<Buffer> | null> =>
    DIGEST.test(digest) ? openFile(join(folder, blobName(digest))) : null;
  const reached = await readGraph(blobs, roots, openBlob, { platform, isDoubted: true });
  await readOthers(blobs, folder, new Set([...reached].map(blobName)));
}

/** `oci-layout`, and blobs that were not reached. */
async function readOthers(
  blobs: Blobs,
  folder: string,
  reached: ReadonlySet<string>,
): Promise<void> {
  const names = [MARK];
  for (const algorithm of ["sha256", "sha512"]) {
    const files = await readdir(join(folder, "blobs", algorithm)).catch(() => []);
    names.push(...files.map((file) => `blobs/${algorithm}/${file}`));
  }
  const left = names.filter((name) => !reached.has(name));
  if (left.length > BLOB_LIMIT) blobs.fail(`it holds more than ${BLOB_LIMIT} files`);
  for (const name of left.slice(0, BLOB_LIMIT)) {
    const chunks = await openFile(join(folder, name));
    if (chunks !== null) await blobs.read(name, chunks);
    else if (name !== MARK)
      await blobs.end(blobs.begin(name), false, "it is no file, or can't be read");
  }
}

/** Null for a pipe, too. Links are followed: some builders write layouts of nothing else. */
async function openFile(path: string): Promise<AsyncIterable<Buffer> | null> {
  const isThere = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  return isThere ? new FileChunks(path) : null;
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield bytes;
}

function missing(folder: string): DockerError {
  return new DockerError("IMAGE_MISSING", `${visible(folder)} holds no OCI image layout`, {
    hint: "name the folder that index.json is in; all images in it are searched, whatever their tags",
  });
}
