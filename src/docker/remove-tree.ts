/** Removes what a build has made, whatever the modes are. */
import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** So that entries can be taken away. */
const WRITABLE = 0o700;

/** Removes a tree, also one with folders that may not be written to. Never throws. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await openFolders(path).catch(() => undefined);
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function openFolders(path: string): Promise<void> {
  if (!(await lstat(path)).isDirectory()) return;
  await chmod(path, WRITABLE);
  for (const name of await readdir(path)) await openFolders(join(path, name));
}
