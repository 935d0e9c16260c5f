/**
 * The gate as a file of this machine, for an engine that sees it. It is no secret, so it lies on disk:
 * tmpfs folders often forbid execution.
 */
import { access, chmod, constants, lstat, mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";

import { errnoOf } from "../../errors.ts";
import { replaceFile } from "../../project/atomic-file.ts";
import type { Env } from "../options.ts";
import type { Gate } from "./gate.ts";

const MODE = 0o755;

/**
 * The gate's file in this user's cache folder, written when it is missing or not what it must be.
 *
 * @returns null when there is no such place: no folder of ours, or one where nothing can be executed
 */
export async function cachedGate({ bytes, digest }: Gate, env: Env): Promise<string | null> {
  const uid = process.geteuid?.();
  if (uid === undefined) return null;
  const folder = folderOf(env);
  const path = join(folder, `gate-${digest.slice(0, 16)}`);
  try {
    if (!(await isPrivate(folder, uid))) return null;
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

function folderOf(env: Env): string {
  const cache = env["XDG_CACHE_HOME"] ?? "";
  return join(isAbsolute(cache) ? cache : join(env["HOME"] ?? homedir(), ".cache"), "sealmount");
}

/** Makes the folder where it is missing, and closes it. False for a link, or somebody else's. */
async function isPrivate(folder: string, uid: number): Promise<boolean> {
  // one by one: Node's recursive mkdir never ends where a file system refuses with ENOENT, as /proc does
  for (const path of [dirname(folder), folder]) {
    await mkdir(path, { mode: 0o700 }).catch(ignoreExisting);
  }
  const stat = await lstat(folder);
  if (!stat.isDirectory() || stat.uid !== uid) return false;
  if ((stat.mode & 0o077) !== 0) await chmod(folder, 0o700);
  return true;
}

function ignoreExisting(error: unknown): void {
  if (errnoOf(error) !== "EEXIST") throw error;
}

async function isWhole(path: string, bytes: Buffer, uid: number): Promise<boolean> {
  const stat = await lstat(path).catch(() => null);
  if (stat?.isFile() !== true || stat.uid !== uid) return false;
  return (stat.mode & 0o7777) === MODE && (await readFile(path)).equals(bytes);
}
