/** The random key of this user's verdicts: in one file, for this user alone. */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { errnoOf } from "../../errors.ts";
import { Secret } from "../../secret/secret.ts";

/** Name of the file. */
export const KEY_FILE = "key";

const KEY_BYTES = 32;

/**
 * Reads the key, made where there is none. One that others could read, or that is damaged, is
 * replaced: what was kept under it counts for nothing any more.
 *
 * @param folder - made where it is missing; nobody else can put another in its place
 * @returns null where it can't be read or written; the caller wipes it
 */
export function localKey(folder: string): Secret | null {
  const path = join(folder, KEY_FILE);
  try {
    return read(path) ?? make(folder, path);
  } catch {
    return null;
  }
}

function read(path: string): Secret | null {
  const descriptor = open(path);
  if (descriptor === null) return null;
  try {
    const { uid, mode, size } = fstatSync(descriptor);
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0 || size !== KEY_BYTES) return null;
    const bytes = Buffer.alloc(KEY_BYTES);
    return readSync(descriptor, bytes) === KEY_BYTES ? Secret.take("verdict key", bytes) : null;
  } finally {
    closeSync(descriptor);
  }
}

/** @returns null when there is no regular file */
function open(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ELOOP") return null;
    throw error;
  }
}

/** Several processes may do so at once: the first one's key is everybody's. */
function make(folder: string, path: string): Secret | null {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  const bytes = randomBytes(KEY_BYTES);
  try {
    writeFileSync(temporary, bytes, { mode: 0o600, flag: "wx" });
    if (!link(temporary, path)) {
      const theirs = read(path);
      if (theirs !== null) return theirs;
      renameSync(temporary, path);
    }
    return read(path);
  } finally {
    bytes.fill(0);
    rmSync(temporary, { force: true });
  }
}

/** @returns false when there is a file, or the file system has no links */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch {
    return false;
  }
}
