/**
 * The engine's notes on how to make a layer's tar again from its unpacked files, byte for byte: the
 * headers and paddings as they were, and a name and size where a file's content goes.
 *
 * @see https://github.com/vbatts/tar-split, tar/storage
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

/** The next bytes of the tar. */
export interface Segment {
  readonly kind: "segment";
  /** Base64, as it was written: decoded straight to where it goes. */
  readonly base64: string;
}

/** Here goes the content of a file. */
export interface FileEntry {
  readonly kind: "file";
  /** As in the tar; bytes where the name is no UTF-8. */
  readonly name: string | Buffer;
  readonly size: number;
}

export type SplitEntry = Segment | FileEntry;

/** The notes are damaged, or of a kind that is not known. Says where, never what. */
export class TarSplitError extends Error {}

/** Longest line that is read: the padding at the end of a tar has some KiB. */
const LINE_LIMIT = 16 * 1024 * 1024;

const NEWLINE = 0x0a;
const QUOTE = 0x22;

/** How a segment begins, as Go writes it: most lines are, and parsing them is what costs. */
const SEGMENT = Buffer.from('{"type":2,"payload":"');

/** @param path - of `tar-split.json.gz` */
export async function* readTarSplit(path: string): AsyncGenerator<readonly SplitEntry[]> {
  // a pipe is not waited for
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const file = (await open(path, flags)).createReadStream();
  const lines = createGunzip({ chunkSize: 256 * 1024 });
  file.on("error", (error) => lines.destroy(error));
  file.pipe(lines);
  try {
    yield* parseTarSplit(lines);
  } finally {
    file.destroy();
    lines.destroy();
  }
}

/**
 * Reads the notes line by line, in batches as they come.
 *
 * @param stream - decompressed
 * @throws {@link TarSplitError}
 */
export async function* parseTarSplit(
  stream: Readable | AsyncIterable<Buffer>,
): AsyncGenerator<readonly SplitEntry[]> {
  const lines = new Lines();
  let position = 0;
  for await (const chunk of readable(stream)) {
    const batch = lines.split(chunk).map((line) => entryOf(line, position++));
    yield batch.filter((entry) => entry !== null);
  }
  const last = lines.rest();
  if (last.length === 0) return;
  const entry = entryOf(last, position);
  if (entry !== null) yield [entry];
}

/** A broken gzip is as bad as a broken line. */
async function* readable(stream: Readable | AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    if (error instanceof TarSplitError) throw error;
    throw new TarSplitError("it can't be decompressed");
  }
}

/** Cuts a stream into its lines. */
class Lines {
  #pieces: Buffer[] = [];
  #held = 0;

  split(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let at = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      lines.push(this.#whole(chunk.subarray(at, end)));
      at = end + 1;
    }
    const rest = chunk.subarray(at);
    this.#held += rest.length;
    if (this.#held > LINE_LIMIT) throw new TarSplitError("a line of it is too long");
    if (rest.length > 0) this.#pieces.push(rest);
    return lines;
  }

  rest(): Buffer {
    return this.#whole(Buffer.alloc(0));
  }

  #whole(piece: Buffer): Buffer {
    if (this.#pieces.length === 0) return piece;
    const line = Buffer.concat([...this.#pieces, piece]);
    this.#pieces = [];
    this.#held = 0;
    return line;
  }
}

/** Null for what adds no byte: a directory, a link, an empty line. */
function entryOf(line: Buffer, position: number): SplitEntry | null {
  if (line.length === 0) return null;
  const isSegment = SEGMENT.equals(line.subarray(0, SEGMENT.length));
  const end = isSegment ? line.indexOf(QUOTE, SEGMENT.length) : -1;
  if (end < 0) return parsedEntry(line, position);
  // the numbers come in order; a line that was lost would shift all bytes behind it
  if (numberAfter(line, end) !== position) throw damaged(position);
  return { kind: "segment", base64: line.toString("latin1", SEGMENT.length, end) };
}

/** `","position":12}` */
function numberAfter(line: Buffer, end: number): number {
  const match = /^","position":(?<number>\d+)\}\s*$/u.exec(line.toString("latin1", end));
  return Number(match?.groups?.["number"] ?? Number.NaN);
}

/** Entry of tar-split: type 1 is a file, 2 a segment; a name that is no UTF-8 stands in `name_raw`. */
interface RawEntry {
  readonly type?: unknown;
  readonly name?: unknown;
  readonly name_raw?: unknown;
  readonly size?: unknown;
  readonly payload?: unknown;
  readonly position?: unknown;
}

function parsedEntry(line: Buffer, position: number): SplitEntry | null {
  const entry = rawEntry(line, position);
  const { type, payload } = entry;
  if (entry.position !== position) throw damaged(position);
  if (type === 1) return fileEntry(entry, position);
  if (type !== 2 || (typeof payload !== "string" && payload !== null)) throw damaged(position);
  return { kind: "segment", base64: payload ?? "" };
}

function fileEntry(
  { name, name_raw: raw, size = 0 }: RawEntry,
  position: number,
): FileEntry | null {
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) throw damaged(position);
  if (size === 0) return null;
  if (typeof raw === "string") return { kind: "file", name: Buffer.from(raw, "base64"), size };
  if (typeof name !== "string") throw damaged(position);
  return { kind: "file", name, size };
}

function rawEntry(line: Buffer, position: number): RawEntry {
  try {
    const parsed: unknown = JSON.parse(line.toString());
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch {
    // below
  }
  throw damaged(position);
}

function damaged(position: number): TarSplitError {
  return new TarSplitError(`entry ${position} of it is damaged`);
}
