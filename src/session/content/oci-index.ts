/** `index.json` of an OCI layout: what a folder of blobs holds, by tag. */
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { errnoOf } from "../../errors.ts";
import { hexOf } from "./digest.ts";

/** What a manifest is and how to find it; further fields are kept as they are. */
export interface Descriptor extends Readonly<Record<string, unknown>> {
  /** `sha256:…` */
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Under what an entry is found: a tag, or the whole name of an image. */
export interface EntryName {
  /** `org.opencontainers.image.ref.name` */
  readonly ref: string;
  /** `io.containerd.image.name`; empty for a tag alone. */
  readonly image: string;
}

/** An index that can't be used. Says why, and nothing of its content. */
export class IndexError extends Error {}

const REF_NAME = "org.opencontainers.image.ref.name";
const IMAGE_NAME = "io.containerd.image.name";
const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
const LAYOUT = '{"imageLayoutVersion":"1.0.0"}';
/** An index has a few hundred bytes an entry; more than this is a mistake. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;
/** An update takes milliseconds, so a lock of that age was left behind. */
const STALE_LOCK_MS = 10_000;

interface OciIndex extends Readonly<Record<string, unknown>> {
  readonly manifests: readonly Descriptor[];
}

/** The entries of a layout; null where there is no index. @throws {@link IndexError} */
export async function readEntries(root: string): Promise<readonly Descriptor[] | null> {
  const index = await readIndex(root);
  return index === null ? null : index.manifests;
}

/** The entry with a tag or a whole name; undefined when there is none. Names win over tags. */
export function findEntry(entries: readonly Descriptor[], name: string): Descriptor | undefined {
  const has = (key: string) => (entry: Descriptor) => entry.annotations?.[key] === name;
  return entries.find(has(IMAGE_NAME)) ?? entries.find(has(REF_NAME));
}

/** The name of an image as an index has it: in full, and the tag alone. */
export function imageEntry(image: string): EntryName {
  // behind the host, which may have a port
  const [, mark = "", ref = ""] = /^[^/]*\/[^:@]*([:@])(.*)$/.exec(image) ?? [];
  return { image, ref: mark === "@" ? `@${ref}` : ref };
}

/**
 * Adds an entry under some names, each taken away from the entry that had it. Of several processes
 * that do so at a time, one waits for the other; readers see the old index or the new one.
 *
 * The lock is docker's file, `index.json.lock`, but docker locks it by flock, which Node lacks: a
 * docker build that ends in the same milliseconds in the same folder can undo this entry.
 *
 * @throws {@link IndexError}; else what the file system throws
 */
export async function putEntry(
  root: string,
  entry: Descriptor,
  names: readonly EntryName[],
): Promise<void> {
  await mkdir(root, { recursive: true });
  const lock = await lockIndex(root);
  try {
    const found = await readIndex(root);
    const manifests = [...(found?.manifests ?? [])];
    for (const name of names) insert(manifests, entry, name);
    const index = { schemaVersion: 2, mediaType: INDEX_TYPE, ...found, manifests };
    await writeFile(join(root, "oci-layout"), LAYOUT);
    await replace(indexPath(root), JSON.stringify(index));
  } finally {
    await rm(lock, { force: true });
  }
}

function insert(manifests: Descriptor[], entry: Descriptor, { ref, image }: EntryName): void {
  const isSame = ({ annotations = {} }: Descriptor): boolean =>
    annotations[REF_NAME] === ref && (annotations[IMAGE_NAME] ?? "") === image;
  const rest = manifests.filter((one) => !isSame(one));
  const name = image === "" ? {} : { [IMAGE_NAME]: image };
  const annotations = { ...entry.annotations, ...name, [REF_NAME]: ref };
  manifests.splice(0, manifests.length, ...rest, { ...entry, annotations });
}

async function readIndex(root: string): Promise<OciIndex | null> {
  const path = indexPath(root);
  const found = await stat(path).catch(() => null);
  if (found === null) return null;
  if (!found.isFile() || found.size > MAX_INDEX_BYTES) throw new IndexError("is no index");
  const text = await readFile(path, "utf8").catch(() => {
    throw new IndexError("can't be read");
  });
  const index = parsed(text);
  if (!isIndex(index)) throw new IndexError("is no index of an OCI layout");
  return { ...index, manifests: index.manifests };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new IndexError("is not JSON");
  }
}

function isIndex(index: unknown): index is OciIndex {
  if (typeof index !== "object" || index === null || !("manifests" in index)) return false;
  return Array.isArray(index.manifests) && index.manifests.every(isDescriptor);
}

/** True for something with a digest, and annotations that are text where it has some. */
export function isDescriptor(value: unknown): value is Descriptor {
  if (typeof value !== "object" || value === null || !("digest" in value)) return false;
  if (typeof value.digest !== "string" || hexOf(value.digest) === null) return false;
  const annotations: unknown = "annotations" in value ? value.annotations : {};
  if (typeof annotations !== "object" || annotations === null) return false;
  return Object.values(annotations).every((one) => typeof one === "string");
}

function indexPath(root: string): string {
  return join(root, "index.json");
}

async function replace(path: string, text: string): Promise<void> {
  const part = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeFile(part, text, { flag: "wx" });
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** @returns the lock's path, for its removal */
async function lockIndex(root: string): Promise<string> {
  const path = `${indexPath(root)}.lock`;
  for (;;) {
    const file = await open(path, "wx").catch((error: unknown) => {
      if (errnoOf(error) === "EEXIST") return null;
      throw error;
    });
    if (file !== null) {
      await file.close();
      return path;
    }
    const since = (await stat(path).catch(() => null))?.mtimeMs ?? Date.now();
    if (Date.now() - since > STALE_LOCK_MS) await rm(path, { force: true });
    else await sleep(20);
  }
}
