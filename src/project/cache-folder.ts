/** This user's cache folder, for what is no secret and can be made again. */
import { chmodSync, lstatSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";

import { errnoOf } from "../errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

const STICKY = 0o1000;

/**
 * Finds the folder, made where it is missing and closed to others. Programs lie in it, so nobody else
 * may be able to put another folder in its place.
 *
 * @returns null when there is no such place: a system without users, a link, somebody else's folder,
 *   one below somebody else's (as with `sudo`, which may keep `HOME`), or one below a folder of all
 */
export function cacheFolder(env: Env): string | null {
  const uid = process.geteuid?.();
  if (uid === undefined) return null;
  const folder = join(baseOf(env), "sealmount");
  try {
    // one by one: Node's recursive mkdir never ends where a file system refuses with ENOENT, as /proc does
    for (const path of [dirname(folder), folder]) makeFolder(path);
    const stat = lstatSync(folder);
    if (!stat.isDirectory() || stat.uid !== uid || !isSafe(dirname(folder), uid)) return null;
    if ((stat.mode & 0o077) !== 0) chmodSync(folder, 0o700);
    return folder;
  } catch {
    return null;
  }
}

function baseOf(env: Env): string {
  const cache = env["XDG_CACHE_HOME"] ?? "";
  return isAbsolute(cache) ? cache : join(env["HOME"] ?? homedir(), ".cache");
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
}

/** From the folder up to the root, only this user and root can rename what is in it. */
function isSafe(folder: string, uid: number): boolean {
  let at = realpathSync(folder);
  for (;;) {
    const { uid: owner, mode } = statSync(at);
    const isClosed = (mode & 0o022) === 0 || (mode & STICKY) !== 0;
    if ((owner !== uid && owner !== 0) || !isClosed) return false;
    if (dirname(at) === at) return true;
    at = dirname(at);
  }
}
