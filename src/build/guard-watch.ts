/**
 * Looks at the bytes of files on their way to the engine. What does not travel, because the engine has
 * it already, costs nothing.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";

import { PolicyError } from "../errors.ts";
import { NeedleSearch } from "../needles/search.ts";
import type { NeedleTable } from "../needles/table.ts";
import { Tails } from "../needles/tails.ts";
import {
  WHOLE_FILE_BYTES,
  type ContentInspector,
  type FileInspection,
} from "../session/filesync/inspect.ts";
import { isKeyName, isVariablesName } from "./guard-names.ts";
import { beginsAsPrivateKey, hitsIn, keyTail, type ScanHit, StreamScan } from "./guard-scan.ts";

/** Most that is read ahead at the end of a chunk, for a needle that goes on in the next one. */
const AHEAD_BYTES = 64 * 1024;
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** A file that holds, or is named like one that holds, what should not travel. */
export interface SeenFile {
  /** As the engine calls its folder. */
  readonly dir: string;
  readonly path: string;
  /** The first thing in it; null for what is only suspicious. */
  readonly hit: ScanHit | null;
}

/**
 * Ends an upload; the engine is told these words, so they name nothing. The build says what was
 * found, and where.
 */
export class PlaintextStop extends PolicyError {
  constructor() {
    super("POLICY", "sealmount stopped the upload: a file holds a secret in plain");
  }
}

/** What {@link ContentWatch} needs. */
export interface WatchOptions {
  /** Stays the caller's to wipe. */
  readonly table: NeedleTable;
  /** Folders on this machine, by what the engine calls them. */
  readonly roots: ReadonlyMap<string, string>;
  /** True: what is found is remembered, and travels. */
  readonly allow: boolean;
}

/** Watches the files and streams of one build. */
export class ContentWatch implements ContentInspector {
  readonly #o: WatchOptions;
  readonly #tails: Tails;
  readonly #seen = new Map<string, SeenFile>();
  readonly #searches: NeedleSearch[] = [];
  readonly #spare: NeedleSearch[] = [];

  constructor(o: WatchOptions) {
    this.#o = o;
    this.#tails = new Tails(o.table.needles);
  }

  /** What was found so far, in the order in which it travelled or would have. */
  get seen(): readonly SeenFile[] {
    return [...this.#seen.values()];
  }

  /** @throws {@link PlaintextStop} for a name that holds a secret, unless it is allowed */
  open(dir: string, path: string): FileInspection {
    const name = path.slice(path.lastIndexOf("/") + 1);
    this.#found(dir, path, hitsIn(this.#o.table, Buffer.from(path)));
    if (isVariablesName(name)) this.#see({ dir, path, hit: null });
    return isKeyName(name) ? this.#keyFile(dir, path) : this.#file(dir, path);
  }

  /**
   * Passes a stream on, one chunk late: what lies over the border of two chunks does not travel in
   * halves.
   *
   * @param name - what {@link seen} calls its folder
   */
  async *stream(name: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const search = this.#borrow();
    const scan = new StreamScan(search);
    let held: Buffer | undefined;
    for await (const chunk of chunks) {
      scan.write(chunk);
      this.#found(name, "", scan.hits);
      if (held !== undefined) yield held;
      held = chunk;
    }
    if (held !== undefined) yield held;
    this.#giveBack(search);
  }

  /** Forgets the bytes of files that were cut off. */
  wipe(): void {
    for (const search of this.#searches) search.end();
  }

  #file(dir: string, path: string): FileInspection {
    let large: LargeFile | undefined;
    let isFirst = true;
    return {
      write: (chunk) => {
        if (isFirst && chunk.length < WHOLE_FILE_BYTES) {
          isFirst = false;
          this.#found(dir, path, hitsIn(this.#o.table, chunk));
          return;
        }
        isFirst = false;
        large ??= this.#large(join(this.#o.roots.get(dir) ?? "", path));
        this.#found(dir, path, large.write(chunk));
      },
      end: () => {
        if (large !== undefined) this.#giveBack(large.search);
      },
    };
  }

  #keyFile(dir: string, path: string): FileInspection {
    const file = this.#file(dir, path);
    let isFirst = true;
    return {
      write: (chunk) => {
        if (isFirst && beginsAsPrivateKey(chunk)) this.#see({ dir, path, hit: null });
        isFirst = false;
        file.write(chunk);
      },
      end: () => file.end(),
    };
  }

  #large(absolute: string): LargeFile {
    const { table } = this.#o;
    return new LargeFile({ absolute, table, tails: this.#tails, search: this.#borrow() });
  }

  #found(dir: string, path: string, hits: readonly ScanHit[]): void {
    const [hit] = hits;
    if (hit === undefined) return;
    this.#see({ dir, path, hit });
    if (!this.#o.allow) throw new PlaintextStop();
  }

  #see(seen: SeenFile): void {
    const key = `${seen.dir}\0${seen.path}`;
    if (seen.hit !== null || !this.#seen.has(key)) this.#seen.set(key, seen);
  }

  #borrow(): NeedleSearch {
    const spare = this.#spare.pop();
    if (spare !== undefined) return spare;
    const search = new NeedleSearch(this.#o.table);
    this.#searches.push(search);
    return search;
  }

  #giveBack(search: NeedleSearch): void {
    search.end();
    this.#spare.push(search);
  }
}

/** A file of several chunks. */
class LargeFile {
  readonly search: NeedleSearch;
  readonly #absolute: string;
  readonly #table: NeedleTable;
  readonly #tails: Tails;
  readonly #scan: StreamScan;
  #length = 0;

  constructor(o: {
    readonly absolute: string;
    readonly table: NeedleTable;
    readonly tails: Tails;
    readonly search: NeedleSearch;
  }) {
    this.search = o.search;
    this.#absolute = o.absolute;
    this.#table = o.table;
    this.#tails = o.tails;
    this.#scan = new StreamScan(o.search);
  }

  /** Everything up to the end of this chunk, and what begins in it. */
  write(chunk: Buffer): readonly ScanHit[] {
    this.#scan.write(chunk);
    this.#length += chunk.length;
    return this.#scan.hits.length > 0 ? this.#scan.hits : this.#border(chunk);
  }

  /** What begins at the end of the chunk: its first half must not travel. */
  #border(chunk: Buffer): ScanHit[] {
    const from = Math.min(this.#tails.start(chunk), keyTail(chunk));
    if (from === chunk.length) return [];
    return hitsIn(this.#table, Buffer.concat([chunk.subarray(from), this.#ahead()]));
  }

  /** The next bytes of the file; none when it can't be read, which the upload is going to tell. */
  #ahead(): Buffer {
    const ahead = Buffer.alloc(Math.min(AHEAD_BYTES, Math.max(this.#tails.longest, 64)));
    try {
      const file = openSync(this.#absolute, FLAGS);
      try {
        return ahead.subarray(0, readSync(file, ahead, 0, ahead.length, this.#length));
      } finally {
        closeSync(file);
      }
    } catch {
      return Buffer.alloc(0);
    }
  }
}
