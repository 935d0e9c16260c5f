/**
 * Stores in folders of this machine's memory: written, and one generation put in place of another.
 *
 * The calls are synchronous: none of them waits for a disk, and a promise for each costs several
 * times the call. So a value is written from its own buffer, without a copy.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fchmodSync,
  fchownSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { DockerError, errnoOf } from "../../errors.ts";
import type { StoreContent } from "./delivery.ts";
import type { StoreLayout } from "./layout.ts";
import type { FolderMount } from "./placement.ts";
import {
  DATA,
  type Generation,
  GENERATIONS,
  generationOf,
  nextGeneration,
  treeOf,
  type TreeEntry,
} from "./tree.ts";

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
 * Replaces the content of all mounted folders; each file at one moment, with the name it has.
 *
 * @param onWritten - called once all is written and nothing is replaced yet
 * @throws {@link DockerError} DELIVERY_FAILED as {@link fillSources}, and for a folder that was
 *   emptied; then nothing has changed
 */
export async function replaceSources(
  folder: string,
  layout: StoreLayout,
  content: StoreContent,
  onWritten: () => void = () => undefined,
): Promise<void> {
  const places = layout.folders.map((mount) => placeOf(join(folder, mount.key), mount));
  try {
    // all is written before the first is replaced: where memory runs out, nothing has changed
    for (const { at, mount, next } of places) {
      // what an interrupted call may have left
      remove(join(at, next));
      makeEntries(at, generationOf(mount, next), content);
    }
    onWritten();
  } catch (error) {
    for (const { at, next } of places) remove(join(at, next));
    throw error;
  }
  for (const place of places) replace(place);
  await sleep(GRACE_MS);
  for (const { at, old } of places) remove(join(at, old));
}

/** A mounted folder, and its two generations. */
interface Place {
  readonly at: string;
  readonly mount: FolderMount;
  readonly next: Generation;
  readonly old: Generation;
}

function placeOf(at: string, mount: FolderMount): Place {
  const old = GENERATIONS.find((one) => one === targetOf(join(at, DATA)));
  if (old === undefined) throw revoked();
  return { at, mount, next: nextGeneration(old), old };
}

/** Empty for what is no link. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** What there is to say of files that `revoke` took. */
export function revoked(): DockerError {
  return new DockerError("DELIVERY_FAILED", "its files are gone", {
    hint: "remove the container and run it anew",
  });
}

function replace({ at, mount, next }: Place): void {
  const fresh = join(at, `${DATA}.new`);
  remove(fresh);
  symlinkSync(next, fresh);
  renameSync(fresh, join(at, DATA));
  for (const { path } of mount.files) {
    linkSync(join(at, next, path), fresh);
    renameSync(fresh, join(at, path));
  }
}

/**
 * Takes everything out of the folder but what is about the folder itself: files that are mounted
 * alone are emptied first, since the container keeps them as they are. Safe to repeat.
 *
 * @param keep - names of what is about the folder itself
 */
export function emptySources(
  folder: string,
  { folders, singles }: StoreLayout,
  keep: readonly string[],
): void {
  for (const { key } of singles) {
    if (existsSync(join(folder, key))) truncateSync(join(folder, key));
  }
  for (const { key, files } of folders) {
    const names = [...files.map(({ path }) => path), DATA, ...GENERATIONS];
    for (const name of names) remove(join(folder, key, name));
  }
  for (const name of readdirSync(folder)) if (!keep.includes(name)) remove(join(folder, name));
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
    const why = errnoOf(error) || "unknown";
    throw new DockerError(
      "DELIVERY_FAILED",
      `${file.name} can't be put into this machine's memory (${why})`,
      { hint: why === "ENOSPC" ? "free some of it: df /dev/shm" : "use --delivery volume" },
    );
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
