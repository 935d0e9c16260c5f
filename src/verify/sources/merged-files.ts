import type { Blobs } from "../blobs.ts";
import { cleanPath } from "../path-index.ts";
import { isPartOfImage } from "./archive-form.ts";
import type { SourcePart } from "./source.ts";

/** How a report speaks of merged files. */
export const MERGED = {
  partial: "its merged files",
  limits: [
    "these are merged files: what a layer deleted, config, labels, env and history are not in them",
  ],
} as const;

/** What the tar is called where it can't be read. */
export const FILES = "files";

/**
 * Reads a tar of merged files, as `docker export` and `--output type=tar` write it. Parts of an image
 * in its root mean that it is the archive of one, put together in an order of its own: then its
 * layers were not read as such, and `blobs` is told.
 */
export async function readFiles(chunks: AsyncIterable<Buffer>, blobs: Blobs): Promise<SourcePart> {
  const blob = await blobs.readFiles(FILES, chunks, ({ path }) => {
    if (!isPartOfImage(cleanPath(path))) return;
    blobs.fail("an image's archive in an order that is not known: save it again");
  });
  return { kind: "files", blob };
}
