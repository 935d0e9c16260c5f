/** Folders of this machine that a build uses as OCI layouts: caches, contexts, outputs. */
import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";

import { escapeControl } from "../docker/errors.ts";
import { BuildError, errnoOf, UsageError } from "../errors.ts";
import { hexOf } from "../session/content/digest.ts";
import {
  findEntry,
  imageEntry,
  IndexError,
  isDescriptor,
  putEntry,
  readEntries,
  type EntryName,
} from "../session/content/oci-index.ts";
import { contentService } from "../session/content/service.ts";
import { ContentStore } from "../session/content/store.ts";
import type { Attributes, TypedAttributes } from "../session/control/messages.ts";
import type { GrpcService } from "../session/grpc.ts";
import { cachesOf, readCall, type Caches } from "./caches.ts";
import type { ContextSource } from "./inputs.ts";
import type { BuildRequest } from "./options.ts";
import { outputsOf } from "./outputs.ts";

/** The layouts of one build, open. */
export interface Stores {
  readonly services: readonly GrpcService[];
  /** With our names in place of folders: no path of this machine travels. */
  readonly caches: Caches;
  /** Front end attributes of contexts from a layout. */
  readonly places: Attributes;
  /** What can't be used, and is not needed. */
  readonly warnings: readonly string[];
  /**
   * Writes what the build has exported into the indexes of its folders.
   *
   * @throws {@link BuildError} BUILD_OUTPUT
   */
  finish(this: void, metadata: ReadonlyMap<string, string>): Promise<void>;
  /** The same for its caches alone. */
  finishCaches(this: void, metadata: ReadonlyMap<string, string>): Promise<void>;
}

/** BuildKit's name of the store that an output without tar goes to; it has only one. */
const EXPORT = "export";
/** What the exporters answer. */
const CACHE_MANIFEST = "cache.manifest";
const IMAGE_MANIFEST = "containerimage.descriptor";
const IMAGE_NAMES = "image.name";

/**
 * Opens them. A cache that is not there is a warning: the build can do without.
 *
 * @param named - `--build-context`, by name
 * @param onFailure - told why a folder can't be used while the build runs
 * @throws {@link UsageError} USAGE for a flag without its folder, USAGE_CONFLICT for two outputs
 */
export async function openStores(
  request: BuildRequest,
  named: ReadonlyMap<string, ContextSource>,
  onFailure: (error: Error) => void,
): Promise<Stores> {
  const folders = new Folders();
  const { imports, exports } = cachesOf(request);
  const warnings: string[] = [];
  const places = layoutPlaces(named, folders);
  const exported = await Promise.all(exports.map(async (one) => exportTo(one, request, folders)));
  const imported: TypedAttributes[] = [];
  for (const one of imports) {
    const found = await importFrom(one, request, folders);
    if (typeof found === "string") warnings.push(found);
    else imported.push(found);
  }
  const output = await outputFolder(request);
  if (output !== null) folders.add(EXPORT, output, true);
  const { stores } = folders;
  const finishCaches: Stores["finishCaches"] = async (metadata) => {
    for (const one of exports.filter(({ type }) => type === "local"))
      await finishCache(resolve(request.cwd, one.attributes["dest"] ?? ""), one, metadata);
  };
  return {
    services: stores.size === 0 ? [] : [contentService(stores, { onFailure })],
    caches: { imports: imported, exports: exported },
    places,
    warnings,
    finishCaches,
    async finish(metadata) {
      await finishCaches(metadata);
      if (output !== null) await finishOutput(output, metadata);
    },
  };
}

/** Stores by the engine's ids. */
class Folders {
  readonly stores = new Map<string, ContentStore>();
  readonly #names = new Map<string, string>();
  readonly #roots = new Map<string, { writable: boolean }>();

  add(id: string, root: string, writable: boolean): void {
    this.stores.set(id, new ContentStore({ root, writable }));
  }

  /** A cache's name: the same for one folder, read from and written to. */
  cache(root: string, writable: boolean): string {
    const name = this.#names.get(root) ?? `cache-${this.#names.size}`;
    this.#names.set(root, name);
    const before = this.#roots.get(root)?.writable ?? false;
    this.#roots.set(root, { writable: writable || before });
    this.add(`local:${name}`, root, writable || before);
    return name;
  }
}

function layoutPlaces(
  named: ReadonlyMap<string, ContextSource>,
  folders: Folders,
): Record<string, string> {
  const places: Record<string, string> = {};
  for (const [name, source] of named) {
    if (source.kind !== "layout") continue;
    // a name that no other build uses at the time
    const id = randomBytes(16).toString("hex");
    folders.add(`oci:${id}`, source.root, false);
    places[`context:${name}`] = `oci-layout://${id}@${source.digest}`;
  }
  return places;
}

async function exportTo(
  one: TypedAttributes,
  { cwd }: BuildRequest,
  folders: Folders,
): Promise<TypedAttributes> {
  if (one.type !== "local") return one;
  const { dest = "", ...rest } = one.attributes;
  if (dest === "") throw without("--cache-to type=local", "dest");
  const root = resolve(cwd, dest);
  await requireFolder(root, "--cache-to");
  return { type: one.type, attributes: { ...rest, dest: folders.cache(root, true) } };
}

/** @returns a text where the cache can't be used */
async function importFrom(
  one: TypedAttributes,
  { cwd }: BuildRequest,
  folders: Folders,
): Promise<TypedAttributes | string> {
  if (one.type !== "local") return one;
  const { src = "", ...rest } = one.attributes;
  if (src === "") throw without("--cache-from type=local", "src");
  const root = resolve(cwd, src);
  const found = await cacheDigest(root, one.attributes);
  if ("fault" in found) return `the cache in ${escapeControl(src)} is not used: ${found.fault}`;
  const attributes = { ...rest, digest: found.digest };
  return { type: one.type, attributes: { ...attributes, src: folders.cache(root, false) } };
}

type Found = { readonly digest: string } | { readonly fault: string };

async function cacheDigest(root: string, attributes: Attributes): Promise<Found> {
  const { tag = "latest", digest: given = "" } = attributes;
  if (given !== "" && hexOf(given) === null)
    throw new UsageError("USAGE", "--cache-from has a digest that is not sha256:…", {
      hint: "leave digest out: the folder's tag latest is used",
    });
  const found = given === "" ? await taggedDigest(root, tag) : { digest: given };
  if ("fault" in found) return found;
  const { blobs } = new ContentStore({ root, writable: false });
  const isThere = await blobs.has(hexOf(found.digest) ?? "").catch(() => false);
  return isThere ? found : { fault: "its manifest is missing" };
}

async function taggedDigest(root: string, tag: string): Promise<Found> {
  try {
    const entries = await readEntries(root);
    if (entries === null) return { fault: "there is no index.json" };
    return findEntry(entries, tag) ?? { fault: `it has no tag ${escapeControl(tag)}` };
  } catch (error) {
    if (error instanceof IndexError) return { fault: `its index.json ${error.message}` };
    throw error;
  }
}

/** `--output type=oci,tar=false,dest=…`; null where there is none. */
async function outputFolder(request: BuildRequest): Promise<string | null> {
  if (readCall(request.call) !== null) return null;
  const [first, ...more] = outputsOf(request).filter(({ isLayout }) => isLayout);
  if (first?.destination === undefined || first.destination === null) return null;
  if (more.length > 0)
    throw new UsageError("USAGE_CONFLICT", "a build can write only one OCI layout", {
      hint: "leave out tar=false in all --output but one",
    });
  if (first.destination === "-")
    throw new UsageError("USAGE", "a folder can't go to stdout", { hint: "leave out tar=false" });
  const root = resolve(request.cwd, first.destination);
  await requireFolder(root, "--output");
  return root;
}

async function requireFolder(root: string, flag: string): Promise<void> {
  const found = await stat(root).catch(() => null);
  if (found !== null && !found.isDirectory())
    throw new UsageError("USAGE", `${flag} names a file where a folder is written`);
}

function without(flag: string, attribute: string): UsageError {
  return new UsageError("USAGE", `${flag} has no ${attribute}`, {
    hint: `write ${flag},${attribute}=FOLDER`,
  });
}

async function finishCache(
  root: string,
  { attributes }: TypedAttributes,
  metadata: ReadonlyMap<string, string>,
): Promise<void> {
  // a build without any layer exports nothing
  const text = metadata.get(CACHE_MANIFEST);
  if (text === undefined || text === "") return;
  await put(root, text, [{ ref: attributes["tag"] ?? "latest", image: "" }]);
}

/** Writes an image that is in a layout into its index. @throws {@link BuildError} BUILD_OUTPUT */
export async function finishOutput(
  root: string,
  metadata: ReadonlyMap<string, string>,
): Promise<void> {
  const text = metadata.get(IMAGE_MANIFEST);
  if (text === undefined) throw unindexed("the engine named no manifest");
  const names = (metadata.get(IMAGE_NAMES) ?? "").split(",").filter((name) => name !== "");
  const entries = names.length === 0 ? [{ ref: "latest", image: "" }] : names.map(imageEntry);
  await put(root, Buffer.from(text, "base64").toString("utf8"), entries);
}

async function put(root: string, text: string, names: readonly EntryName[]): Promise<void> {
  const descriptor = json(text);
  if (!isDescriptor(descriptor)) throw unindexed("the engine named no manifest");
  const { blobs } = new ContentStore({ root, writable: false });
  if (!(await blobs.has(hexOf(descriptor.digest) ?? "")))
    throw unindexed("the engine named a manifest that it did not send");
  await putEntry(root, descriptor, names).catch((error: unknown) => {
    if (error instanceof IndexError) throw unindexed(`it ${error.message}`);
    const code = errnoOf(error);
    throw code === "" ? error : unindexed(code);
  });
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function unindexed(why: string): BuildError {
  return new BuildError("BUILD_OUTPUT", `index.json of a cache or output can't be written: ${why}`);
}
