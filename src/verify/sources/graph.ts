import type { Blobs } from "../blobs.ts";
import { field, items, text } from "../json.ts";
import { blobName } from "../manifests.ts";

/**
 * The bytes of a blob by its digest; null when whoever has the image does not have that blob: an index
 * names all platforms. Rejects, or breaks off, when the blob is there and can't be read.
 */
export type OpenBlob = (digest: string) => Promise<AsyncIterable<Buffer> | null>;

/** Blobs of one image that are read: far more than any has, so that a loop of lies ends. */
const BLOB_LIMIT = 10_000;

/** Reads everything that can be reached from some documents, each blob once. */
export async function readGraph(
  blobs: Blobs,
  roots: readonly string[],
  open: OpenBlob,
): Promise<void> {
  const seen = new Set<string>(roots);
  // a set visits what is added meanwhile
  for (const digest of seen) {
    if (seen.size > BLOB_LIMIT) {
      blobs.fail(`it names more than ${BLOB_LIMIT} blobs`);
      return;
    }
    const chunks = await open(digest).catch(() => brokenOff());
    if (chunks === null) continue;
    const { json } = await blobs.read(blobName(digest), chunks);
    for (const child of childrenOf(json)) seen.add(child);
  }
}

/** What an index or a manifest names; other documents name nothing. */
function childrenOf(document: unknown): string[] {
  const manifests = items(field(document, "manifests"));
  const layers = items(field(document, "layers"));
  const config = field(document, "config");
  return [...manifests, config, ...layers].flatMap(
    (descriptor) => text(field(descriptor, "digest")) ?? [],
  );
}

async function* brokenOff(): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield* [];
  throw new Error("can't be read");
}
