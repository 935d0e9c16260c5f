/**
 * The order in which a folder must come: parents before children, names of a folder ascending by
 * bytes, a folder never left and entered again. It is what keeps a sender from placing a link and
 * then writing through it, under another spelling of the same name as well. Pure.
 */

import { platform } from "node:process";

/** An entry that must not be written. */
export class EntryError extends Error {}

interface Level {
  readonly dir: string;
  last: Buffer | null;
}

/** Checks entries one after the other. */
export class EntryOrder {
  readonly #levels: Level[] = [{ dir: "", last: null }];
  readonly #files = new Set<string>();

  /**
   * @throws {@link EntryError} for a path that is not clean and relative, that is out of order, or
   *   that is below something that was not sent as a folder
   */
  add(path: string, kind: "file" | "dir" | "symlink" | "other"): void {
    const parts = partsOf(path);
    const name = Buffer.from(parts.at(-1) ?? "");
    const level = this.#levelOf(parts.slice(0, -1).join("/"));
    if (level.last !== null && Buffer.compare(level.last, name) >= 0) {
      throw new EntryError("entries out of order");
    }
    level.last = name;
    if (kind === "dir") this.#levels.push({ dir: path, last: null });
    if (kind === "file") this.#files.add(path);
  }

  /** @throws {@link EntryError} unless `path` was added as a file before */
  requireFile(path: string): void {
    if (!this.#files.has(path)) throw new EntryError("a hard link to what was not sent as a file");
  }

  #levelOf(dir: string): Level {
    const at = this.#levels.findLastIndex((level) => level.dir === dir);
    const level = this.#levels[at];
    if (level === undefined) throw new EntryError("an entry below what was not sent as a folder");
    this.#levels.length = at + 1;
    return level;
  }
}

/** Splits a path that is safe to join to a folder. */
function partsOf(path: string): string[] {
  const parts = path.split("/");
  const isClean = parts.every((part) => part !== "" && part !== "." && part !== "..");
  // on Windows a backslash separates, and a colon names a drive or a stream
  const isForeign = platform === "win32" && /[\\:]/.test(path);
  if (!isClean || isForeign || path.includes("\0")) throw new EntryError("an unclean path");
  return parts;
}
