import type { Platform } from "../../docker/platform.ts";
import type { Blobs } from "../blobs.ts";
import { choose } from "../descriptors.ts";
import { blobName } from "../digest-name.ts";
import { field, items, text } from "../json.ts";

/**
 * The bytes of a blob by its digest; null when whoever has the image does not have that blob: an index
 * names all platforms. Rejects, or breaks off, when the blob is there and can't be read; the words of
 * a SealmountError say why.
 *
 * @param kind - a document that names others, or what it names
 */
export type OpenBlob = (
  digest: string,
  kind: "manifest" | "blob",
) => Promise<AsyncIterable<Buffer> | null>;

/** Blobs of one image that are read: far more than any has, so that a loop of lies ends. */
export const BLOB_LIMIT = 10_000;

/** How to read a graph. */
export interface GraphOptions {
  /** Leaves out the manifests for others. */
  readonly platform?: Platform | undefined;
  /** Opens also what is known to hold none of the secrets: whether its bytes are those, is seen then. */
  readonly isDoubted?: boolean;
}

/**
 * Reads everything that can be reached from some documents, each blob once; not what is known to hold
 * none of the secrets.
 *
 * @returns the digests that were reached, also of blobs that are not there
 */
export async function readGraph(
  blobs: Blobs,
  roots: readonly string[],
  open: OpenBlob,
  { platform, isDoubted = false }: GraphOptions = {},
): Promise<ReadonlySet<string>> {
  const kinds: Kinds = new Map(roots.map((digest) => [digest, "manifest"]));
  const isKnown = (digest: string): boolean => !isDoubted && blobs.isKnown(digest);
  // a map visits what is added meanwhile
  for (const [digest, kind] of kinds) {
    if (kinds.size > BLOB_LIMIT) {
      blobs.fail(`it names more than ${BLOB_LIMIT} blobs`);
      break;
    }
    if (isKnown(digest)) continue;
    const chunks = await open(digest, kind).catch((error: unknown) => brokenOff(error));
    if (chunks === null) continue;
    const { jsonDocument } = await blobs.read(blobName(digest), chunks);
    if (kind === "manifest") addNamed(kinds, jsonDocument?.read(), platform);
  }
  return new Set(kinds.keys());
}

type Kinds = Map<string, "manifest" | "blob">;

/** What an index or a manifest names. */
function addNamed(kinds: Kinds, document: unknown, platform: Platform | undefined): void {
  for (const child of choose(document, platform).wanted) add(kinds, child, "manifest");
  for (const child of partsOf(document)) add(kinds, child, "blob");
}

function add(kinds: Kinds, descriptor: unknown, kind: "manifest" | "blob"): void {
  const digest = text(field(descriptor, "digest"));
  if (digest !== undefined && !kinds.has(digest)) kinds.set(digest, kind);
}

/** What a manifest names; an index has none of them. */
function partsOf(manifest: unknown): readonly unknown[] {
  return [field(manifest, "config"), ...items(field(manifest, "layers"))];
}

async function* brokenOff(error: unknown): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield* [];
  throw error;
}
