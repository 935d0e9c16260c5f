/**
 * Stores in folders of this machine's memory: written, and one generation put in place of another.
 *
 * The calls are synchronous: none of them waits for a disk, and a promise for each costs several
 * times the call. So a value is written from its own buffer, without a copy.
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  linkSync,
  mkdirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { DockerError, errnoOf } from "../../errors.ts";
import type { StoreContent } from "./delivery.ts";
import type { StoreLayout } from "./layout.ts";
import type { FolderMount } from "./placement.ts";
import { DATA, generationOf, nextGeneration, treeOf, type TreeEntry } from "./tree.ts";

const FOLDER_MODE = 0o755;
const NOTE_MODE = 0o400;

/**
 * How long a replaced generation stays, in milliseconds: a reader may have followed `..data` just
 * before it was pointed elsewhere, and must still find the file.
 */
export const GRACE_MS = 250;

/** Makes what the engine looks for when it creates the container: each source, still empty. */
export function makeSources(folder: string, { folders, singles }: StoreLayout): void {
  for (const { key } of folders) makeFolder(join(folder, key));
  for (const { key } of singles) closeSync(openSync(join(folder, key), "wx", 0o600));
}

/**
 * Fills the sources.
 *
 * @throws {@link DockerError} DELIVERY_FAILED when memory runs out or an owner can't be given
 */
export function fillSources(
  folder: string,
  { folders, singles }: StoreLayout,
  content: StoreContent,
): void {
  for (const { key, file } of singles) writeValue(join(folder, key), "r+", content, file);
  for (const mount of folders) makeEntries(join(folder, mount.key), treeOf(mount, "..a"), content);
}

/**
 * Replaces the content of all mounted folders; each file at one moment.
 *
 * @throws {@link DockerError} DELIVERY_FAILED as {@link fillSources}; then nothing has changed
 */
export async function replaceSources(
  folder: string,
  layout: StoreLayout,
  content: StoreContent,
): Promise<void> {
  const written: Replacement[] = [];
  try {
    for (const mount of layout.folders) {
      const replacement = replacementIn(join(folder, mount.key), mount);
      written.push(replacement);
      writeGeneration(replacement, content);
    }
  } catch (error) {
    for (const { at, next } of written) remove(join(at, next));
    throw error;
  }
  for (const replacement of written) replace(replacement);
  await sleep(GRACE_MS);
  for (const { at, old } of written) if (old !== "") remove(join(at, old));
}

interface Replacement {
  readonly at: string;
  readonly mount: FolderMount;
  readonly next: ReturnType<typeof nextGeneration>;
  /** Empty when there was none. */
  readonly old: string;
}

function replacementIn(at: string, mount: FolderMount): Replacement {
  let old = "";
  try {
    old = readlinkSync(join(at, DATA));
  } catch {
    // taken back before
  }
  return { at, mount, next: nextGeneration(old), old };
}

function writeGeneration({ at, mount, next }: Replacement, content: StoreContent): void {
  // what an interrupted call may have left
  remove(join(at, next));
  makeEntries(at, generationOf(mount, next), content);
}

function replace({ at, mount, next }: Replacement): void {
  const fresh = join(at, `${DATA}.new`);
  remove(fresh);
  symlinkSync(next, fresh);
  renameSync(fresh, join(at, DATA));
  for (const { path } of mount.files) {
    linkSync(join(at, next, path), fresh);
    renameSync(fresh, join(at, path));
  }
}

function makeEntries(at: string, entries: readonly TreeEntry[], content: StoreContent): void {
  for (const entry of entries) {
    const path = join(at, entry.path);
    switch (entry.kind) {
      case "folder":
        makeFolder(path);
        break;
      case "link":
        symlinkSync(entry.target, path);
        break;
      case "name":
        linkSync(join(at, entry.target), path);
        break;
      case "note":
        writeNote(path, content.note);
        break;
      case "file":
        writeValue(path, "wx", content, entry.file);
        break;
    }
  }
}

/** The mode by a call of its own: mkdir's is cut by the umask. */
function makeFolder(path: string): void {
  mkdirSync(path);
  chmodSync(path, FOLDER_MODE);
}

function writeNote(path: string, text: string): void {
  const descriptor = openSync(path, "wx", NOTE_MODE);
  try {
    writeAll(descriptor, Buffer.from(text));
  } finally {
    closeSync(descriptor);
  }
}

function writeValue(path: string, flags: "r+" | "wx", content: StoreContent, index: number): void {
  const file = content.files[index];
  const ids = content.owners[index];
  if (file === undefined || ids === undefined) throw new Error("a file has no owner");
  const descriptor = openSync(path, flags, 0o600);
  try {
    file.value.use((bytes) => writeAll(descriptor, bytes));
    // the owner first: chown clears bits of the mode, and until then nobody else may read
    fchownSync(descriptor, ids.uid, ids.gid);
    fchmodSync(descriptor, file.mode);
  } catch (error) {
    const fact = `${file.name} can't be put into this machine's memory (${errnoOf(error)})`;
    throw new DockerError("DELIVERY_FAILED", fact, { hint: "use --delivery volume" });
  } finally {
    closeSync(descriptor);
  }
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
