/** Stores in folders of this machine's memory: written, and one generation put in place of another. */
import { chmod, chown, link, mkdir, open, readlink, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { DockerError, errnoOf } from "../../errors.ts";
import type { Secret } from "../../secret/secret.ts";
import type { Ids } from "../owner.ts";
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
export async function makeSources(folder: string, layout: StoreLayout): Promise<void> {
  for (const { key } of layout.folders) await makeFolder(join(folder, key));
  await Promise.all(layout.singles.map(({ key }) => createEmpty(join(folder, key))));
}

/** Fills the sources. */
export async function fillSources(
  folder: string,
  layout: StoreLayout,
  content: StoreContent,
): Promise<void> {
  for (const { key, file } of layout.singles) await fillFile(join(folder, key), content, file);
  for (const mount of layout.folders) {
    await makeEntries(join(folder, mount.key), treeOf(mount, "..a"), content);
  }
}

/** Replaces the content of all mounted folders; each file at one moment. */
export async function replaceSources(
  folder: string,
  layout: StoreLayout,
  content: StoreContent,
): Promise<void> {
  const written: Replacement[] = [];
  // all is written before the first is replaced: where memory runs out, nothing has changed
  for (const mount of layout.folders) {
    written.push(await writeGeneration(join(folder, mount.key), mount, content));
  }
  for (const replacement of written) await replace(replacement);
  await sleep(GRACE_MS);
  for (const { at, old } of written) {
    if (old !== "") await rm(join(at, old), { recursive: true, force: true });
  }
}

interface Replacement {
  readonly at: string;
  readonly mount: FolderMount;
  readonly next: string;
  readonly old: string;
}

async function writeGeneration(
  at: string,
  mount: FolderMount,
  content: StoreContent,
): Promise<Replacement> {
  const old = await readlink(join(at, DATA)).catch(() => "");
  const next = nextGeneration(old);
  // what an interrupted call may have left
  await rm(join(at, next), { recursive: true, force: true });
  try {
    await makeEntries(at, generationOf(mount, next), content);
  } catch (error) {
    await rm(join(at, next), { recursive: true, force: true });
    throw error;
  }
  return { at, mount, next, old };
}

async function replace({ at, mount, next }: Replacement): Promise<void> {
  const fresh = join(at, `${DATA}.new`);
  await rm(fresh, { force: true });
  await symlink(next, fresh);
  await rename(fresh, join(at, DATA));
  for (const { path } of mount.files) {
    await link(join(at, next, path), fresh);
    await rename(fresh, join(at, path));
  }
}

async function makeEntries(
  at: string,
  entries: readonly TreeEntry[],
  content: StoreContent,
): Promise<void> {
  for (const entry of entries) {
    const path = join(at, entry.path);
    switch (entry.kind) {
      case "folder":
        await makeFolder(path);
        break;
      case "link":
        await symlink(entry.target, path);
        break;
      case "name":
        await link(join(at, entry.target), path);
        break;
      case "note":
        await writeNote(path, content.note);
        break;
      case "file":
        await createEmpty(path);
        await fillFile(path, content, entry.file);
        break;
    }
  }
}

/** The mode by a call of its own: mkdir's is cut by the umask. */
async function makeFolder(path: string): Promise<void> {
  await mkdir(path);
  await chmod(path, FOLDER_MODE);
}

async function createEmpty(path: string): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  await handle.close();
}

async function writeNote(path: string, text: string): Promise<void> {
  const handle = await open(path, "wx", NOTE_MODE);
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}

async function fillFile(path: string, content: StoreContent, index: number): Promise<void> {
  const file = content.files[index];
  const ids = content.owners[index];
  if (file === undefined || ids === undefined) throw new Error("a file has no owner");
  try {
    await writeValue(path, file.value);
    await giveTo(path, ids, file.mode);
  } catch (error) {
    throw new DockerError(
      "DELIVERY_FAILED",
      `${file.name} can't be put into this machine's memory (${errnoOf(error) || "unknown"})`,
      { hint: "use --delivery volume" },
    );
  }
}

async function writeValue(path: string, value: Secret): Promise<void> {
  // a copy, because the write ends after the Secret's accessor has returned
  const bytes = value.use((plain) => Buffer.alloc(plain.length, plain));
  const handle = await open(path, "r+");
  try {
    await handle.writeFile(bytes);
  } finally {
    bytes.fill(0);
    await handle.close();
  }
}

/** The owner first: chown clears bits of the mode, and until then nobody else may read. */
async function giveTo(path: string, { uid, gid }: Ids, mode: number): Promise<void> {
  await chown(path, uid, gid);
  await chmod(path, mode);
}
