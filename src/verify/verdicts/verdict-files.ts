import { readFileSync, statSync, utimesSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { replaceFile } from "../../project/atomic-file.ts";
import { KEY_FILE } from "./local-key.ts";

/** So much is kept of one layer: a million paths and more. */
const MAX_FILE = 16 * 1024 * 1024;
/** So much is kept in all. */
const MAX_BYTES = 128 * 1024 * 1024;
const MAX_FILES = 4_000;
/** What was used is young again, told at most so often. */
const TOUCH_AFTER_MS = 3_600_000;

/** How much is kept; for tests. */
export interface FileLimits {
  readonly bytes: number;
  readonly files: number;
}

/**
 * The files of one folder, each of one layer. Whatever goes wrong with one of them, it counts as not
 * there; several processes may read and write at once, and a reader sees whole files only.
 */
export class VerdictFiles {
  readonly #folder: string;
  readonly #limits: FileLimits;
  #isNew = false;

  constructor(folder: string, limits: FileLimits = { bytes: MAX_BYTES, files: MAX_FILES }) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /** @param name - hexadecimal digits */
  read(name: string): Buffer | null {
    const path = join(this.#folder, name);
    try {
      const found = statSync(path);
      // a pipe would never end
      if (!found.isFile() || found.size > MAX_FILE) return null;
      const bytes = readFileSync(path);
      const now = Date.now();
      if (now - found.mtimeMs > TOUCH_AFTER_MS) utimesSync(path, now / 1000, now / 1000);
      return bytes;
    } catch {
      return null;
    }
  }

  /** Never throws: what could not be written is searched again. */
  async write(name: string, bytes: Buffer): Promise<void> {
    if (bytes.length > MAX_FILE) return;
    const path = join(this.#folder, name);
    const like = { mode: 0o600, uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
    try {
      // after a crash a damaged file counts as none
      await replaceFile({ path, text: bytes, like, durable: false });
      this.#isNew = true;
    } catch {
      // a full disk, or a folder that may not be written to
    }
  }

  /** Removes the oldest files when there is too much. Never throws. */
  async trim(): Promise<void> {
    if (!this.#isNew) return;
    try {
      await this.#forgetOldest();
    } catch {
      // another process does the same
    }
  }

  async #forgetOldest(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => name !== KEY_FILE);
    const paths = names.map((name) => join(this.#folder, name));
    const found = await Promise.all(paths.map(async (path) => ({ path, ...(await ageOf(path)) })));
    let bytes = found.reduce((sum, { size }) => sum + size, 0);
    let files = found.length;
    for (const { path, size } of found.toSorted((a, b) => a.at - b.at)) {
      if (bytes <= this.#limits.bytes && files <= this.#limits.files) return;
      await rm(path, { force: true });
      bytes -= size;
      files--;
    }
  }
}

/** A file that is gone meanwhile is nothing. */
async function ageOf(path: string): Promise<{ size: number; at: number }> {
  const found = await stat(path).catch(() => null);
  return { size: found?.size ?? 0, at: found?.mtimeMs ?? 0 };
}
