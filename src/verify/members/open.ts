import * as zlib from "node:zlib";
import type { Hit } from "../../needles/search.ts";
import { findAll } from "../../needles/search.ts";
import { free, thenFree } from "../decompress.ts";
import type { Sink } from "../decompress.ts";
import { cleanPath } from "../path-index.ts";
import { arMembers } from "./ar.ts";
import { bunzip2 } from "./bzip2.ts";
import { entryLevel, logHits, opened } from "./context.ts";
import type { Level, MemberFile, UnpackContext } from "./context.ts";
import { gunzipSmall, gunzipStream } from "./gzip.ts";
import { OpenHits } from "./hits.ts";
import { decodeStream, inflateStream, isZlibStart } from "./inflate.ts";
import type { Decoded, SmallDecoder } from "./inflate.ts";
import { sniff, SNIFF_LENGTH } from "./kinds.ts";
import type { Kind } from "./kinds.ts";
import { Unreadable } from "./limits.ts";
import type { MemoryBudget } from "./limits.ts";
import { openContent, Output } from "./output.ts";
import { MemberTar } from "./tar.ts";
import { unxz } from "./xz.ts";
import { unzstd } from "./zstd.ts";
import { partEntries } from "./zip-parts.ts";
import { codecOf, holdsZip, nameOf, zipEntries } from "./zip.ts";
import type { ZipEntry } from "./zip.ts";

/** Bytes of one archive or compressed file, and what a search of them found. */
interface Opened extends Pick<MemberFile, "bytes" | "part"> {
  readonly hits: OpenHits;
}

/**
 * Searches everything inside of a file. What can't be read is told; hits that no member explains
 * are the file's own.
 *
 * @throws {@link Unreadable} of scope `file`, when it is not the outermost one
 */
export async function openMember(file: MemberFile, level: Level): Promise<void> {
  const kind = kindOf(file);
  if (kind === null) {
    logHits(file.hits, level);
    return;
  }
  const { bytes, part } = file;
  const hits = new OpenHits(file.hits, part?.start);
  try {
    await open(kind, { bytes, hits, part }, opened(level, kind));
  } catch (error) {
    report(error, level);
  } finally {
    logHits(hits.left, level);
  }
}

/** What it is when one looks twice; null for nothing that is opened. */
function kindOf({ kind, bytes }: MemberFile): Exclude<Kind, "script"> | null {
  if (kind === "script") return holdsZip(bytes) ? "zip" : null;
  return kind === "zlib" && !isZlibStart(bytes) ? null : kind;
}

async function open(kind: Exclude<Kind, "script">, file: Opened, level: Level): Promise<void> {
  if (kind === "zip") await openZip(file, level);
  else if (kind === "deb") await openDeb(file, level);
  else if (kind === "tar") await openTar(file, level);
  else await openCompressed(kind, file, level);
}

/** Notes why something was not read; what ends the work on the whole file goes up to it. */
function report(error: unknown, { context, member, depth }: Level): void {
  const isOurs = error instanceof Unreadable;
  if (isOurs && error.scope === "file" && depth > 0) throw error;
  // a foreign error may quote anything
  const reason = isOurs ? error.message : "broken";
  context.unread.add({ path: "", member, reason });
}

async function openTar({ bytes, hits }: Opened, level: Level): Promise<void> {
  const tar = new MemberTar(level);
  const found = hits.take(0, bytes.length);
  await tar.write(bytes, (onHit) => found.forEach(onHit));
  const trouble = tar.finish();
  if (trouble !== undefined) throw new Unreadable(trouble);
}

async function openDeb({ bytes, hits }: Opened, level: Level): Promise<void> {
  for (const { name, start, end } of arMembers(bytes)) {
    level.context.count++;
    const inside = hits.take(start, end);
    await openContent(bytes.subarray(start, end), inside, entryLevel(level, cleanPath(name)));
  }
}

async function openZip(file: Opened, level: Level): Promise<void> {
  const entries = file.part === undefined ? zipEntries(file.bytes) : partEntries(file.part);
  for (;;) {
    const { done, value } = entries.next();
    if (done === true) {
      if (value !== undefined) throw new Unreadable(value);
      return;
    }
    const levelOf = (): Level => entryLevel(level, cleanPath(nameOf(file.bytes, value)));
    try {
      // most are searched by now: to wait for nothing costs as much as to search a small one
      const opening = openEntry(value, file, { context: level.context, levelOf });
      if (opening !== undefined) await opening;
      const turn = level.context.turns.next();
      if (turn !== undefined) await turn;
    } catch (error) {
      report(error, levelOf());
    }
  }
}

/** Where a member is: its level, with its name, is made when there is something to say. */
interface Place {
  readonly context: UnpackContext;
  readonly levelOf: () => Level;
}

function openEntry(entry: ZipEntry, file: Opened, place: Place): Promise<void> | undefined {
  const { start, end, size, crc } = entry;
  const data = file.bytes.subarray(start, end);
  // a folder
  if (size === 0 && data.length === 0) return undefined;
  const codec = codecOf(entry);
  const { context } = place;
  context.count++;
  if (codec === "stored") return openStored(entry, file, place.levelOf());
  const decoded = codec === "deflate" ? context.decoder.decode(codec, data, size) : null;
  if (decoded !== null && isIntact(decoded.output, crc)) {
    file.hits.take(start, start + decoded.used);
    return wholeOutput(decoded, place);
  }
  return streamEntry(codec, entry, file, place.levelOf());
}

async function openStored(
  { start, end, size }: ZipEntry,
  { bytes, hits }: Opened,
  level: Level,
): Promise<void> {
  if (size === undefined) throw new Unreadable("a stored zip entry of unknown length");
  const data = bytes.subarray(start, end);
  level.context.budget.spend(data.length);
  await openContent(data, hits.take(start, end), level);
  if (end > bytes.length) throw new Unreadable("the zip is cut off");
}

/** Without a checksum nothing says that it is right: Node's own decoder has to. */
function isIntact(output: Buffer, crc: number | undefined): boolean {
  return crc !== undefined && zlib.crc32(output) === crc;
}

async function streamEntry(
  codec: StreamCodec,
  { start, end, size, crc: expected }: ZipEntry,
  { bytes, hits }: Opened,
  level: Level,
): Promise<void> {
  let crc = 0;
  const isChecked = codec === "deflate" && expected !== undefined;
  const decode = isChecked ? inflateStream : STREAMS[codec];
  const used = await throughOutput(level, size, (sink) =>
    decode(
      bytes.subarray(start, end),
      (chunk) => {
        crc = zlib.crc32(chunk, crc);
        return sink(chunk);
      },
      level.context.budget,
    ),
  );
  if (expected !== undefined && expected !== crc) throw new Unreadable("a zip checksum is wrong");
  hits.take(start, start + used);
}

/** Frames, streams or members of a compressed file, as one content. */
async function openCompressed(
  kind: StreamKind,
  { bytes, hits }: Opened,
  level: Level,
): Promise<void> {
  level.context.count++;
  const small = decodeFirst(kind, bytes, level.context.decoder);
  if (small !== null && isZeros(bytes.subarray(small.used))) {
    hits.take(0, small.used);
    await wholeOutput(small, { context: level.context, levelOf: () => level });
    return;
  }
  const end = await throughOutput(level, undefined, async (sink) => {
    let at = 0;
    do {
      at += await STREAMS[kind](bytes.subarray(at), sink, level.context.budget);
      hits.take(0, at);
      while (bytes[at] === 0) at++;
    } while (follows(kind, bytes.subarray(at)));
    return at;
  });
  const rest = sniff(bytes.subarray(end, end + SNIFF_LENGTH));
  if (rest !== null) throw new Unreadable("compressed data behind its end");
}

/** @returns a promise when there is more to do than to search it */
function wholeOutput(decoded: Decoded, { context, levelOf }: Place): Promise<void> | undefined {
  const { output } = decoded;
  context.budget.spend(output.length);
  const hits = findAll(context.table, output);
  if (hits.length === 0 && sniff(output.subarray(0, SNIFF_LENGTH)) === null) {
    if (!decoded.isLent) free(output);
    return undefined;
  }
  return openWhole(decoded, hits, levelOf());
}

async function openWhole(
  { output, isLent }: Decoded,
  hits: readonly Hit[],
  level: Level,
): Promise<void> {
  // what is inside of it needs the decoder
  const bytes = isLent ? Buffer.from(new Uint8Array(output).buffer) : output;
  await thenFree(bytes, () => openContent(bytes, hits, level));
}

/** Runs a decoder into an output; what came out before it failed is searched. */
async function throughOutput(
  level: Level,
  expected: number | undefined,
  decode: (sink: Sink) => Promise<number>,
): Promise<number> {
  const output = new Output(level, expected);
  try {
    try {
      return await decode((chunk) => output.write(chunk));
    } finally {
      await output.end();
    }
  } finally {
    output.close();
  }
}

type StreamKind = "gzip" | "zlib" | "zstd" | "xz" | "bzip2";
type StreamCodec = Exclude<StreamKind, "gzip"> | "deflate";

const STREAMS: Readonly<
  Record<
    StreamKind | "deflate",
    (bytes: Buffer, sink: Sink, budget: MemoryBudget) => Promise<number>
  >
> = {
  gzip: gunzipStream,
  zlib: (bytes, sink) => decodeStream("zlib", bytes, sink),
  zstd: unzstd,
  deflate: (bytes, sink) => decodeStream("deflate", bytes, sink),
  xz: unxz,
  bzip2: bunzip2,
};

function decodeFirst(kind: StreamKind, bytes: Buffer, decoder: SmallDecoder): Decoded | null {
  if (kind === "gzip") return gunzipSmall(bytes, decoder);
  return kind === "zlib" || kind === "zstd" ? decoder.decode(kind, bytes) : null;
}

/** zlib data has no frames that follow each other. */
function follows(kind: StreamKind, rest: Buffer): boolean {
  if (kind === "zlib") return false;
  const sniffed = sniff(rest.subarray(0, SNIFF_LENGTH));
  return sniffed !== null && "kind" in sniffed && sniffed.kind === kind;
}

function isZeros(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
