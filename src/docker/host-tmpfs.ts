/**
 * Private folders in this machine's memory, for files that an engine on the same machine binds
 * into a container. Nothing here ever lands on a disk: a file system that is not tmpfs or ramfs is
 * not used.
 */
import {
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  statfs,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { errnoOf } from "../errors.ts";
import { currentOwner } from "./labels.ts";
import type { EngineInfo } from "./types.ts";

/** `f_type` of file systems that live in memory, from the kernel's magic.h. */
const MEMORY_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x01021994 /* tmpfs */, 0x858458f6]);

/** Beside the files of a folder: who made it, for which engine. Holds no secret. */
export const FOLDER_NOTE = ".sealmount";

/** Environment of the client. */
export type Env = Readonly<Record<string, string | undefined>>;

/** What a folder's own note says. */
export interface FolderNote {
  /** As {@link currentOwner} writes it. */
  readonly owner: string;
  /** True once its container was started: it stays as long as that exists. */
  readonly kept: boolean;
  /** {@link identityOf} the engine that binds it: one engine's clean-up must not judge another's folders. */
  readonly engine: string;
  /** The id that container and folder share. */
  readonly run: string;
}

/** A private folder found below {@link tmpfsRoots}. */
export interface PrivateFolder {
  readonly path: string;
  /** Null when the note is missing or damaged: the process died while it made the folder. */
  readonly note: FolderNote | null;
  /** Milliseconds since 1970 of its last change. */
  readonly changed: number;
}

/**
 * What tells engines apart in notes. An id alone does not: 20.10 reads it from a file that all engines
 * of a machine may share (measured), but no two of them share a data folder.
 */
export function identityOf({ ID, DockerRootDir }: EngineInfo): string {
  return `${ID} ${DockerRootDir}`;
}

/** Where private folders may be, best first; existence is not checked. */
export function tmpfsRoots(env: Env, uid = process.geteuid?.()): string[] {
  if (uid === undefined) return [];
  const runtime = env["XDG_RUNTIME_DIR"];
  const roots = [`/dev/shm/sealmount-${uid}`];
  if (runtime?.startsWith("/") === true) roots.unshift(join(runtime, "sealmount"));
  return roots;
}

/**
 * The first usable root: in memory, a real folder (no link), ours, closed to everybody else. Made
 * when it is missing.
 *
 * @returns null when there is none: no Linux, no tmpfs, or somebody else took the name
 */
export async function findTmpfsRoot(env: Env): Promise<string | null> {
  for (const root of tmpfsRoots(env)) {
    if (await usable(root)) return root;
  }
  return null;
}

/** Makes an empty folder, 0700, with its note. */
export async function makePrivateFolder(
  root: string,
  note: Pick<FolderNote, "engine" | "run">,
): Promise<string> {
  const folder = await mkdtemp(join(root, "run-"));
  await writeNote(folder, { owner: currentOwner(), kept: false, ...note });
  return folder;
}

/** Notes that the folder's container was started. */
export async function keepPrivateFolder(
  folder: string,
  note: Pick<FolderNote, "engine" | "run">,
): Promise<void> {
  await writeNote(folder, { owner: currentOwner(), kept: true, ...note });
}

/** All private folders of this user, of any process. */
export async function listPrivateFolders(env: Env): Promise<PrivateFolder[]> {
  const found: PrivateFolder[] = [];
  for (const root of tmpfsRoots(env)) {
    for (const name of await names(root)) {
      const path = join(root, name);
      const stat = await lstat(path).catch(() => null);
      if (stat !== null) found.push({ path, note: await noteOf(path), changed: stat.mtimeMs });
    }
  }
  return found;
}

/** Removes a folder with everything in it. Safe to repeat. */
export async function removePrivateFolder(folder: string): Promise<void> {
  if (!basename(folder).startsWith("run-")) throw new Error("not a private folder");
  await rm(folder, { recursive: true, force: true });
}

/**
 * Whether a folder that a label names is the one of that run: directly in one of the roots, a real
 * folder, ours, in memory, with a note that names the run. Whoever may create containers can write
 * a label, so nothing in the folder is touched before.
 */
export async function isFolderOf(env: Env, folder: string, run: string): Promise<boolean> {
  const isNamed = tmpfsRoots(env).includes(dirname(folder)) && basename(folder).startsWith("run-");
  if (!isNamed) return false;
  try {
    for (const path of [dirname(folder), folder]) {
      if (!(await isPrivate(path)) || !(await isInMemory(path))) return false;
    }
    return (await noteOf(folder))?.run === run;
  } catch {
    return false;
  }
}

async function usable(root: string): Promise<boolean> {
  try {
    if (!(await isInMemory(dirname(root)))) return false;
    await mkdir(root, { mode: 0o700 }).catch(ignoreExisting);
    return await isPrivate(root);
  } catch {
    return false;
  }
}

async function isInMemory(path: string): Promise<boolean> {
  return MEMORY_FILE_SYSTEMS.has((await statfs(path)).type);
}

/** /dev/shm is open to all: somebody may have made our name first. */
async function isPrivate(path: string): Promise<boolean> {
  const stat = await lstat(path);
  return stat.isDirectory() && stat.uid === process.geteuid?.() && (stat.mode & 0o077) === 0;
}

function ignoreExisting(error: unknown): void {
  if (errnoOf(error) !== "EEXIST") throw error;
}

async function names(root: string): Promise<string[]> {
  try {
    const stat = await lstat(root);
    if (!stat.isDirectory() || stat.uid !== process.geteuid?.()) return [];
    return (await readdir(root)).filter((name) => name.startsWith("run-"));
  } catch {
    return [];
  }
}

async function writeNote(folder: string, note: FolderNote): Promise<void> {
  const fresh = join(folder, `${FOLDER_NOTE}.new`);
  await writeFile(fresh, JSON.stringify(note), { mode: 0o600 });
  await rename(fresh, join(folder, FOLDER_NOTE));
}

async function noteOf(folder: string): Promise<FolderNote | null> {
  try {
    const note: unknown = JSON.parse(await readFile(join(folder, FOLDER_NOTE), "utf8"));
    return isNote(note) ? note : null;
  } catch {
    return null;
  }
}

function isNote(note: unknown): note is FolderNote {
  if (typeof note !== "object" || note === null) return false;
  const fields = new Map<string, unknown>(Object.entries(note));
  const texts = ["owner", "engine", "run"].map((key) => fields.get(key));
  return texts.every((text) => typeof text === "string") && typeof fields.get("kept") === "boolean";
}
