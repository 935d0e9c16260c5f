import * as zlib from "node:zlib";
import { free } from "../decompress.ts";
import type { Sink } from "../decompress.ts";
import { cleanPath } from "../path-index.ts";
import { arMembers } from "./ar.ts";
import { bunzip2 } from "./bzip2.ts";
import { entryLevel, logHits, opened } from "./context.ts";
import type { Level, MemberFile } from "./context.ts";
import { gunzipSmall, gunzipStream } from "./gzip.ts";
import { OpenHits } from "./hits.ts";
import { decodeSmall, decodeStream, isZlibStart } from "./inflate.ts";
import type { Decoded } from "./inflate.ts";
import { sniff, SNIFF_LENGTH } from "./kinds.ts";
import type { Kind } from "./kinds.ts";
import { Unreadable } from "./limits.ts";
import type { MemoryBudget } from "./limits.ts";
import { openContent, Output } from "./output.ts";
import { MemberTar } from "./tar.ts";
import { unxz } from "./xz.ts";
import { unzstd } from "./zstd.ts";
import { codecOf, holdsZip, zipEntries } from "./zip.ts";
import type { ZipEntry } from "./zip.ts";

/** Bytes of one archive or compressed file, and what a search of them found. */
interface Opened {
  readonly bytes: Buffer;
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
  const hits = new OpenHits(file.hits);
  try {
    await open(kind, { bytes: file.bytes, hits }, opened(level, kind));
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
  const entries = zipEntries(file.bytes);
  for (;;) {
    const { done, value } = entries.next();
    if (done === true) {
      if (value !== undefined) throw new Unreadable(value);
      return;
    }
    const inner = entryLevel(level, cleanPath(value.name));
    try {
      await openEntry(value, file, inner);
    } catch (error) {
      report(error, inner);
    }
  }
}

async function openEntry(entry: ZipEntry, { bytes, hits }: Opened, level: Level): Promise<void> {
  const { start, end, size, crc } = entry;
  const data = bytes.subarray(start, end);
  const isCut = end > bytes.length;
  // a folder
  if (size === 0 && data.length === 0) return;
  const codec = codecOf(entry);
  level.context.count++;
  if (codec === "stored") {
    if (size === undefined) throw new Unreadable("a stored zip entry of unknown length");
    level.context.budget.spend(data.length);
    await openContent(data, hits.take(start, end), level);
    if (isCut) throw new Unreadable("the zip is cut off");
    return;
  }
  const decoded = codec === "deflate" ? decodeSmall(codec, data, size) : null;
  if (decoded !== null && isIntact(decoded.output, crc)) {
    hits.take(start, start + decoded.used);
    await wholeOutput(decoded.output, level);
    return;
  }
  const checked = { crc, size };
  hits.take(start, start + (await streamEntry(codec, data, { level, ...checked })));
}

function isIntact(output: Buffer, crc: number | undefined): boolean {
  return crc === undefined || zlib.crc32(output) === crc;
}

async function streamEntry(
  codec: StreamCodec,
  data: Buffer,
  o: { readonly level: Level; readonly crc: number | undefined; readonly size: number | undefined },
): Promise<number> {
  let crc = 0;
  const used = await throughOutput(o.level, o.size, (sink) =>
    STREAMS[codec](
      data,
      (chunk) => {
        crc = zlib.crc32(chunk, crc);
        return sink(chunk);
      },
      o.level.context.budget,
    ),
  );
  if (o.crc !== undefined && o.crc !== crc) throw new Unreadable("a zip checksum is wrong");
  return used;
}

/** Frames, streams or members of a compressed file, as one content. */
async function openCompressed(
  kind: StreamKind,
  { bytes, hits }: Opened,
  level: Level,
): Promise<void> {
  level.context.count++;
  const small = decodeFirst(kind, bytes);
  if (small !== null && isZeros(bytes.subarray(small.used))) {
    hits.take(0, small.used);
    await wholeOutput(small.output, level);
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

async function wholeOutput(bytes: Buffer, level: Level): Promise<void> {
  try {
    await new Output(level).whole(bytes);
  } finally {
    free(bytes);
  }
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

function decodeFirst(kind: StreamKind, bytes: Buffer): Decoded | null {
  if (kind === "gzip") return gunzipSmall(bytes);
  return kind === "zlib" || kind === "zstd" ? decodeSmall(kind, bytes) : null;
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
