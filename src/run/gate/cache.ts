/**
 * The gate as a file of this machine, for an engine that sees it. It is no secret, so it lies on disk:
 * tmpfs folders often forbid execution.
 */
import { access, constants, lstat, readFile } from "node:fs/promises";
import { join } from "node:path";

import { replaceFile } from "../../project/atomic-file.ts";
import { cacheFolder } from "../../project/cache-folder.ts";
import type { Env } from "../options.ts";
import type { Gate } from "./gate.ts";

const MODE = 0o755;

/**
 * The gate's file in this user's cache folder, written when it is missing or not what it must be.
 *
 * @returns null when there is no such place: no folder of ours, or one where nothing can be executed
 */
export async function cachedGate({ bytes, digest }: Gate, env: Env): Promise<string | null> {
  const folder = cacheFolder(env);
  if (folder === null) return null;
  const path = join(folder, `gate-${digest.slice(0, 16)}`);
  try {
    const { uid } = await lstat(folder);
    if (!(await isWhole(path, bytes, uid))) {
      const like = { mode: MODE, uid, gid: process.getegid?.() ?? uid };
      await replaceFile({ path, text: bytes, like });
    }
    // fails on a file system without execution, for root too
    await access(path, constants.X_OK);
    return path;
  } catch {
    return null;
  }
}

async function isWhole(path: string, bytes: Buffer, uid: number): Promise<boolean> {
  const stat = await lstat(path).catch(() => null);
  if (stat?.isFile() !== true || stat.uid !== uid) return false;
  return (stat.mode & 0o7777) === MODE && (await readFile(path)).equals(bytes);
}
