/**
 * Writes the entries of a folder, in the order in which they come, below one root.
 *
 * With synchronous calls: an output has thousands of small files, about ten calls each, and waiting
 * for each of these costs several times what they do. None writes more than one message of the engine.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { EntryError, EntryOrder } from "./entry-order.ts";
import type { Stat } from "./packet.ts";

/** A file whose bytes are still to come. */
export interface AwaitedFile {
  readonly path: string;
  readonly stat: Stat;
  /** Which file it was when we made it: opened again, it must be the same one. */
  readonly identity: string;
  /** Its descriptor while it is open. */
  fd: number | null;
}

/** Private until the entry is complete. */
const NEW_FILE = 0o600;
const NEW_DIR = 0o700;
/** 0 where a system has no such flag; there, the identity alone guards. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;

/**
 * The folder that an output goes to. What is there already and does not come again, stays, as with
 * docker; what comes again is replaced, and never written through: an existing link is removed, not
 * followed.
 */
export class Tree {
  readonly #root: string;
  readonly #order = new EntryOrder();
  readonly #dirs: { readonly path: string; readonly stat: Stat }[] = [];

  private constructor(root: string) {
    this.#root = root;
  }

  /** Makes the root where it is missing. The root itself may be a link: its user chose it. */
  static at(dir: string): Tree {
    mkdirSync(dir, { recursive: true, mode: NEW_DIR });
    return new Tree(realpathSync(dir));
  }

  /**
   * Makes an entry.
   *
   * @returns the file, when its bytes are still to come
   * @throws {@link EntryError} for an entry that is unsafe, or a device, pipe or socket
   */
  add(stat: Stat): AwaitedFile | null {
    this.#order.add(stat.path, stat.kind);
    const path = this.#pathOf(stat.path);
    if (stat.kind === "dir") {
      this.#addDir(path, stat);
      return null;
    }
    if (stat.kind === "other") throw new EntryError("a device, pipe or socket can't be written");
    rmSync(path, { recursive: true, force: true });
    if (stat.kind === "symlink") {
      addLink(path, stat);
      return null;
    }
    if (stat.link === "") return newFile(path, stat);
    this.#order.requireFile(stat.link);
    linkSync(this.#pathOf(stat.link), path);
    return null;
  }

  /** Gives the folders their modes and times, innermost first: they had to be writable until now. */
  finish(): void {
    for (const { path, stat } of this.#dirs.toReversed()) {
      chmodSync(path, stat.permissions);
      utimesSync(path, stat.modified, stat.modified);
    }
  }

  #pathOf(path: string): string {
    return join(this.#root, ...path.split("/"));
  }

  #addDir(path: string, stat: Stat): void {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory() === true) {
      chmodSync(path, NEW_DIR);
    } else {
      rmSync(path, { force: true });
      mkdirSync(path, { mode: NEW_DIR });
    }
    this.#dirs.push({ path, stat });
  }
}

/** Adds bytes to a file. */
export function writeTo(file: AwaitedFile, data: Buffer): void {
  file.fd ??= reopen(file);
  for (let at = 0; at < data.length;) {
    at += writeSync(file.fd, data, at);
  }
}

/** All bytes of a file have come: gives it its mode and time. */
export function complete(file: AwaitedFile): void {
  file.fd ??= reopen(file);
  fchmodSync(file.fd, file.stat.permissions);
  futimesSync(file.fd, file.stat.modified, file.stat.modified);
  close(file);
}

/** Closes a file, complete or not. */
export function close(file: AwaitedFile): void {
  if (file.fd !== null) closeSync(file.fd);
  file.fd = null;
}

function addLink(path: string, stat: Stat): void {
  symlinkSync(stat.link, path);
  try {
    lutimesSync(path, stat.modified, stat.modified);
  } catch {
    // not every file system keeps the time of a link
  }
}

function newFile(path: string, stat: Stat): AwaitedFile {
  // exclusively: a link that somebody puts there meanwhile is an error, not a way out
  const fd = openSync(path, "wx", NEW_FILE);
  try {
    return { path, stat, identity: identityOf(fd), fd: null };
  } finally {
    closeSync(fd);
  }
}

/** The bytes come after all entries, too many files to keep them open until then. */
function reopen(file: AwaitedFile): number {
  const fd = openSync(file.path, constants.O_WRONLY | NO_FOLLOW);
  if (identityOf(fd) === file.identity) return fd;
  closeSync(fd);
  throw new EntryError("a file was replaced while it was written");
}

function identityOf(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return `${dev}:${ino}`;
}
