import { randomBytes } from "node:crypto";
import { open, rename, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Permission bits and owner that a replaced file hands on. */
export interface Ownership {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What to write. */
export interface Replacement {
  /** The file itself, not a symbolic link to it. */
  readonly path: string;
  readonly text: string | Uint8Array;
  /** Of the file that is replaced; a new one gets the process's own defaults. */
  readonly like?: Ownership | undefined;
  /** False for what can be made again: it is not synced, and may be damaged after a crash. */
  readonly durable?: boolean | undefined;
  /** Called when all is written, right before the file appears; throwing leaves it untouched. */
  readonly beforeRename?: () => void;
}

/**
 * Writes a file so that every reader sees the old text or the new one, whole, also after a crash:
 * a temporary file in the same folder, synced (but for `durable: false`), then renamed.
 *
 * @throws a system error, or that of `beforeRename`; the temporary file is gone then
 */
export async function replaceFile(o: Replacement): Promise<void> {
  const { durable = true } = o;
  const random = randomBytes(6).toString("hex");
  const temporary = join(dirname(o.path), `.${basename(o.path)}.${random}.tmp`);
  try {
    // wx: never follow or overwrite what somebody else put there
    const handle = await open(temporary, "wx", o.like ? 0o600 : 0o666);
    try {
      await handle.writeFile(o.text);
      if (o.like) await takeOver(handle, o.like);
      if (durable) await handle.sync();
    } finally {
      await handle.close();
    }
    o.beforeRename?.();
    await rename(temporary, o.path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  if (durable) await syncFolder(dirname(o.path));
}

async function takeOver(handle: FileHandle, { mode, uid, gid }: Ownership): Promise<void> {
  const own = await handle.stat();
  // only root may give files away; anybody else keeps the new owner, as editors do
  if (own.uid !== uid || own.gid !== gid) await handle.chown(uid, gid).catch(() => undefined);
  // after chown, which clears set-id bits
  await handle.chmod(mode & 0o7777);
}

/** Makes the rename itself durable; some file systems can't, which is no error. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // the file is in place either way
  }
}
