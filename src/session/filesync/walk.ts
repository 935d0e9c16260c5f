/**
 * Walks a folder in the engine's order: parents before children, names by their UTF-8 bytes, each
 * folder's content right after it. Synchronous calls, one entry at a time: a promise for each costs
 * five times the call itself, and the caller decides when others get their turn.
 */
import { lstatSync, readdirSync, readlinkSync, type BigIntStats } from "node:fs";

import { GO_MODE, hasMode } from "../fsutil.ts";
import { isForbidden, isMissing, notUtf8, unreadable } from "./faults.ts";
import type { Filter, FilterVerdict, FolderMatch } from "./filter.ts";
import { KIND, kindOf, statOf, virtualFolderStat, virtualStat, type SyncedStat } from "./stat.ts";

/** One entry to send. */
export interface Entry {
  readonly stat: SyncedStat;
  /** Where its bytes are: in a file, in memory (also a socket's none), or nowhere. */
  readonly content: "file" | Buffer | null;
}

/** What to walk. */
export interface Walk {
  /** Absolute. */
  readonly root: string;
  readonly filter: Filter;
  readonly virtual?: ReadonlyMap<string, Buffer> | undefined;
}

/** A folder on the way down; sent late when it is left out itself but something in it is not. */
interface Folder {
  readonly entry: Entry | null;
  readonly path: string;
  readonly match: FolderMatch | undefined;
  readonly names: readonly string[];
  at: number;
  sent: boolean;
}

const NO_CONTENT = Buffer.alloc(0);
const REPLACEMENT = "\ufffd";

/** Yields the entries that pass a filter, one by one. */
export class Walker {
  readonly #walk: Walk;
  readonly #folders: Folder[] = [];
  readonly #ready: Entry[] = [];
  /** Inode → the first of its names that was sent; only for files with several. */
  readonly #linked = new Map<string, string>();

  constructor(walk: Walk) {
    this.#walk = walk;
    this.#enter("", null, { sent: true, match: undefined });
  }

  /**
   * @returns null when all have been
   * @throws {@link BuildError} BUILD_CONTEXT for a folder that can't be read, or a name or target
   *   that is not UTF-8
   */
  next(): Entry | null {
    while (this.#ready.length === 0) {
      const folder = this.#folders.at(-1);
      if (folder === undefined) return null;
      const name = folder.names[folder.at];
      folder.at += 1;
      if (name === undefined) this.#folders.pop();
      else this.#visit(folder.path === "" ? name : `${folder.path}/${name}`, folder);
    }
    return this.#ready.shift() ?? null;
  }

  #visit(path: string, parent: Folder): void {
    const verdict = this.#walk.filter.verdict(path, parent.match);
    if (!verdict.sent && !verdict.enter) return;
    const entry = this.#entryAt(path, verdict);
    if (entry === null) return;
    if (verdict.sent) this.#send(entry);
    const enter = verdict.enter && hasMode(entry.stat.mode, GO_MODE.folder);
    if (enter) this.#enter(path, entry, verdict);
  }

  /** With the folders above that were left out so far. */
  #send(entry: Entry): void {
    for (const folder of this.#folders) {
      if (!folder.sent && folder.entry !== null) this.#ready.push(folder.entry);
      folder.sent = true;
    }
    this.#ready.push(entry);
  }

  #enter(path: string, entry: Entry | null, o: Pick<Folder, "sent" | "match">): void {
    const names = this.#namesIn(path, o.sent);
    this.#folders.push({ entry, path, match: o.match, names, at: 0, sent: o.sent });
  }

  #namesIn(path: string, sent: boolean): string[] {
    const virtual = this.#virtualNames(path);
    try {
      const names = readdirSync(`${this.#walk.root}/${path}`);
      return sortByBytes(virtual.length === 0 ? names : [...new Set([...names, ...virtual])]);
    } catch (error) {
      // vanished before the engine knew of it; or nothing that anybody asked for
      const fine = isMissing(error) && (path !== "" || virtual.length > 0);
      if (fine || (!sent && isForbidden(error))) return sortByBytes(virtual);
      throw unreadable(path, error);
    }
  }

  #virtualNames(folder: string): string[] {
    const prefix = folder === "" ? "" : `${folder}/`;
    const inside = [...(this.#walk.virtual?.keys() ?? [])].filter((path) =>
      path.startsWith(prefix),
    );
    return [...new Set(inside.map((path) => path.slice(prefix.length).split("/")[0] ?? ""))];
  }

  /** Null for what is not there, and for what could matter only as a folder and is none. */
  #entryAt(path: string, verdict: FilterVerdict): Entry | null {
    const content = this.#walk.virtual?.get(path);
    if (content !== undefined) return { stat: virtualStat(path, content), content };
    if (path.includes(REPLACEMENT)) this.#checkName(path, verdict.sent);
    const stats = lstat(this.#walk.root, path);
    if (stats === null) return this.#virtualFolder(path);
    const kind = kindOf(stats);
    if (!verdict.sent && kind !== KIND.folder) return null;
    const link = this.#linkOf(path, stats);
    if (link === null) return null;
    const stat = statOf(path, stats, link);
    if (kind === KIND.file) return { stat, content: "file" };
    return { stat, content: kind === KIND.socket ? NO_CONTENT : null };
  }

  #virtualFolder(path: string): Entry | null {
    if (this.#virtualNames(path).length === 0) return null;
    return { stat: virtualFolderStat(path), content: null };
  }

  /** A name that reads with U+FFFD either has this character or is no UTF-8. */
  #checkName(path: string, sent: boolean): void {
    const at = path.lastIndexOf("/");
    const folder = `${this.#walk.root}/${path.slice(0, Math.max(at, 0))}`;
    const name = path.slice(at + 1);
    const found = readdirSync(folder, { encoding: "buffer", withFileTypes: true }).filter(
      (one) => one.name.toString("utf8") === name && !one.name.equals(Buffer.from(name, "utf8")),
    );
    // an ignored file may be called anything
    if (found.some((one) => sent || one.isDirectory())) throw notUtf8(path, "file name");
  }

  /** Empty for what is no link; null when it has just vanished. */
  #linkOf(path: string, stats: BigIntStats): string | null {
    const kind = kindOf(stats);
    if (kind === KIND.link) return targetOf(this.#walk.root, path);
    if (kind === KIND.folder || stats.nlink < 2n) return "";
    const inode = `${stats.dev}:${stats.ino}`;
    const first = this.#linked.get(inode);
    if (first === undefined) this.#linked.set(inode, path);
    return first ?? "";
  }
}

/**
 * Sorts names by their UTF-8 bytes. JavaScript's own order, by UTF-16, is the same unless a name
 * has a character beyond U+FFFF.
 */
export function sortByBytes(names: string[]): string[] {
  if (!names.some((name) => /[\ud800-\udfff]/.test(name))) return names.toSorted();
  return names
    .map((name) => Buffer.from(name, "utf8"))
    .toSorted((a, b) => Buffer.compare(a, b))
    .map((bytes) => bytes.toString("utf8"));
}

/** Null for what vanished since its folder was read: the engine never knew of it. */
function lstat(root: string, path: string): BigIntStats | null {
  try {
    return lstatSync(`${root}/${path}`, { bigint: true, throwIfNoEntry: false }) ?? null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw unreadable(path, error);
  }
}

function targetOf(root: string, path: string): string | null {
  let bytes: Buffer;
  try {
    bytes = readlinkSync(`${root}/${path}`, { encoding: "buffer" });
  } catch (error) {
    if (isMissing(error)) return null;
    throw unreadable(path, error);
  }
  const target = bytes.toString("utf8");
  if (!Buffer.from(target, "utf8").equals(bytes)) throw notUtf8(path, "link target");
  return target;
}
