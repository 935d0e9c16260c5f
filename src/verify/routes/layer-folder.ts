/** Makes the tar of a layer again from the folder that the engine unpacked it into. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from "node:fs";
import type { Stats } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { errnoOf } from "../../errors.ts";
import { RouteError } from "./route.ts";
import { readTarSplit, TarSplitError } from "./tar-split.ts";
import type { FileEntry, SplitEntry } from "./tar-split.ts";

/** A layer as it lies on the engine's disk. */
export interface LayerFolder {
  /** Its files: overlay2's `diff`. */
  readonly files: string;
  /** `tar-split.json.gz`. */
  readonly split: string;
}

/** Who takes the bytes: they are overwritten once it has. */
export type Sink = (bytes: Buffer) => Promise<void>;

/** Bytes that are handed on at once. */
export const CHUNK = 1024 * 1024;

/** Bytes after which signals and sockets get their turn: file calls here are synchronous. */
const TURN = 16 * CHUNK;

/** Opens nothing but what is there: no link is followed, no pipe waited for. */
const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Seconds between a header's time and the file's: some tars round, and keep fractions elsewhere. */
const TIME_TOLERANCE = 1;

const HEADER = 512;

/**
 * Writes the tar to `sink`, byte for byte as `docker save` has it.
 *
 * Nothing outside of the folder is ever opened: folders on the way and the file itself are no links.
 * Size and time of each file must be those of its header; the content is not compared with the
 * checksum of the layer, which costs more than to search it.
 *
 * @param signal - checked between files
 * @throws {@link RouteError} for a missing or changed file, and damaged notes
 */
export async function copyLayer(
  layer: LayerFolder,
  sink: Sink,
  signal: AbortSignal,
): Promise<void> {
  const copy = new LayerCopy(layer.files, sink);
  try {
    for await (const batch of readTarSplit(layer.split)) await copy.addAll(batch, signal);
    await copy.flush();
  } catch (error) {
    throw asRouteError(error);
  }
}

function asRouteError(error: unknown): unknown {
  if (error instanceof TarSplitError) {
    return new RouteError(`the engine's notes on a layer: ${error.message}`);
  }
  const code = errnoOf(error);
  const isErrno = /^E[A-Z0-9]+$/u.test(code);
  return !isErrno ? error : new RouteError(`a layer on the engine's disk: ${code}`);
}

class LayerCopy {
  readonly #root: string;
  readonly #folders: Folders;
  readonly #sink: Sink;
  // one buffer for all: a new one for each chunk costs a third of the speed
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK);
  #fill = 0;
  #sinceTurn = 0;
  /** Time of the last header, in seconds; NaN when it can't be read. */
  #time = Number.NaN;

  constructor(root: string, sink: Sink) {
    this.#root = root;
    this.#folders = new Folders(root);
    this.#sink = sink;
  }

  async addAll(entries: readonly SplitEntry[], signal: AbortSignal): Promise<void> {
    for (const entry of entries) {
      if (this.#takes(entry)) this.#add(entry);
      else await this.#addLong(entry);
      if (signal.aborted) throw new RouteError("it was stopped");
    }
  }

  async flush(): Promise<void> {
    if (this.#fill === 0) return;
    const bytes = this.#buffer.subarray(0, this.#fill);
    this.#fill = 0;
    await this.#sink(bytes);
    this.#sinceTurn += bytes.length;
    if (this.#sinceTurn < TURN) return;
    this.#sinceTurn = 0;
    await setImmediate();
  }

  /** There is room for it without handing on anything. */
  #takes(entry: SplitEntry): boolean {
    return sizeOf(entry) <= CHUNK - this.#fill;
  }

  /** Adds what there is room for. */
  #add(entry: SplitEntry): void {
    if (entry.kind === "segment") {
      const start = this.#fill;
      this.#fill += this.#buffer.write(entry.base64, start, "base64");
      this.#time = timeOf(this.#buffer.subarray(start, this.#fill));
      return;
    }
    using file = this.#open(entry);
    file.fill(this.#buffer.subarray(this.#fill, this.#fill + entry.size));
    this.#fill += entry.size;
  }

  /** The same for what is longer. */
  async #addLong(entry: SplitEntry): Promise<void> {
    await this.flush();
    if (this.#takes(entry)) {
      this.#add(entry);
      return;
    }
    if (entry.kind === "segment") {
      const bytes = Buffer.from(entry.base64, "base64");
      this.#time = timeOf(bytes);
      for (let at = 0; at < bytes.length; at += CHUNK)
        await this.#sink(bytes.subarray(at, at + CHUNK));
      return;
    }
    using file = this.#open(entry);
    for (let left = entry.size; left > 0; left -= this.#buffer.length) {
      this.#fill = Math.min(left, CHUNK);
      file.fill(this.#buffer.subarray(0, this.#fill));
      await this.flush();
    }
  }

  #open({ name, size }: FileEntry): OpenFile {
    // latin1 keeps every byte of a name, and is undone when the file is opened
    const isText = typeof name === "string";
    const path = this.#folders.pathOf(isText ? name : name.toString("latin1"), isText);
    const file = new OpenFile(isText ? `${this.#root}/${path}` : rawPath(this.#root, path));
    const stat = file.stat();
    const isSame = stat.isFile() && stat.size === size && !isOff(stat.mtimeMs / 1000, this.#time);
    if (isSame) return file;
    file[Symbol.dispose]();
    throw new RouteError("a file of a layer was changed on the engine's disk");
  }
}

/** NaN is never off. */
function isOff(time: number, wanted: number): boolean {
  return Math.abs(time - wanted) > TIME_TOLERANCE;
}

function rawPath(root: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, "latin1")]);
}

function sizeOf(entry: SplitEntry): number {
  return entry.kind === "file" ? entry.size : Math.ceil((entry.base64.length * 3) / 4);
}

/** The time that the header at the end of a segment gives, in seconds. */
function timeOf(segment: Buffer): number {
  const header = segment.subarray(-HEADER);
  if (header.length < HEADER) return Number.NaN;
  const pax = segment.length > 2 * HEADER ? paxTime(segment) : undefined;
  if (pax !== undefined) return pax;
  const text = /^[0-7]+/u.exec(header.toString("latin1", 136, 148).trimStart())?.[0];
  return text === undefined ? Number.NaN : Number.parseInt(text, 8);
}

/** Some writers put the time in a PAX record alone. */
function paxTime(segment: Buffer): number | undefined {
  const at = segment.lastIndexOf(" mtime=");
  if (at < 0) return undefined;
  const digits = /^ mtime=(?<seconds>\d+(?:\.\d+)?)\n/u.exec(
    segment.toString("latin1", at, at + 40),
  );
  return digits === null ? Number.NaN : Number(digits.groups?.["seconds"]);
}

/** A file that is closed when its scope ends. */
class OpenFile {
  readonly #fd: number;

  constructor(path: string | Buffer) {
    try {
      this.#fd = openSync(path, READ_ONLY);
    } catch {
      throw new RouteError("a file of a layer is missing on the engine's disk");
    }
  }

  stat(): Stats {
    return fstatSync(this.#fd);
  }

  /** Reads the next bytes, all of them. */
  fill(target: Buffer): void {
    for (let at = 0; at < target.length;) {
      const read = readSync(this.#fd, target, at, target.length - at, null);
      if (read === 0) throw new RouteError("a file of a layer was cut on the engine's disk");
      at += read;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** Folders inside a layer, each looked at once: one that is a link would lead out. */
class Folders {
  readonly #root: string;
  readonly #known = new Set<string>([""]);

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * The path of a member inside of the folder.
   *
   * @param isText - else each character is a byte
   * @throws {@link RouteError}
   */
  pathOf(name: string, isText: boolean): string {
    const path = UNCLEAN.test(name) ? cleaned(name) : name;
    const slash = path.lastIndexOf("/");
    if (slash > 0) this.#check(path.slice(0, slash), isText);
    return path;
  }

  #check(folder: string, isText: boolean): void {
    const key = isText ? folder : `${folder}\0`;
    if (this.#known.has(key)) return;
    const slash = folder.lastIndexOf("/");
    if (slash > 0) this.#check(folder.slice(0, slash), isText);
    const path = isText ? `${this.#root}/${folder}` : rawPath(this.#root, folder);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() !== true) {
      throw new RouteError("a folder of a layer is missing on the engine's disk, or a link");
    }
    this.#known.add(key);
  }
}

/** Something that is no plain component: empty, `.` or `..`; or a byte that ends a path. */
const UNCLEAN = /(?:^|\/)\.{0,2}(?:\/|$)|\0/u;

function cleaned(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || name.includes("\0") || parts.length === 0) {
    throw new RouteError("a name in a layer leads out of its folder");
  }
  return parts.join("/");
}
