/** Moves trees of files that a build has made, whatever their modes are. */
import { chmod, lstat, mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";

/** So that entries can be added and taken away. */
const WRITABLE = 0o700;

/** Moves a file, link or folder to where nothing, or a file, is. @throws a system error */
export async function move(from: string, to: string): Promise<void> {
  const { mode, isFolder } = await kindOf(from);
  // a folder that gets another parent must be writable itself
  if (isFolder) await chmod(from, WRITABLE);
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
  if (isFolder) await chmod(to, mode);
}

/**
 * Moves a folder to where a folder may be: what is there already and does not come again, stays; what
 * comes again is replaced, and a link is never followed.
 *
 * @throws a system error
 */
export async function moveFolder(from: string, to: string): Promise<void> {
  // the place itself may be a link: its user chose it
  const there = await stat(to).catch(() => null);
  if (there?.isDirectory() === true) await mergeEntries(from, to);
  else await move(from, to);
}

async function mergeEntries(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) await mergeEntry(join(from, name), join(to, name));
}

async function mergeEntry(from: string, to: string): Promise<void> {
  const ours = await kindOf(from);
  const theirs = await lstat(to).catch(() => null);
  if (!ours.isFolder || theirs?.isDirectory() !== true) {
    if (theirs !== null) await rm(to, { recursive: true, force: true });
    await move(from, to);
    return;
  }
  await chmod(from, WRITABLE);
  await chmod(to, WRITABLE);
  await mergeEntries(from, to);
  await chmod(to, ours.mode);
  await utimes(to, ours.atime, ours.mtime);
}

async function kindOf(
  path: string,
): Promise<{ mode: number; isFolder: boolean; atime: Date; mtime: Date }> {
  const found = await lstat(path);
  const { atime, mtime } = found;
  return { mode: found.mode & 0o7777, isFolder: found.isDirectory(), atime, mtime };
}
