import { BOUNDS, Unreadable } from "./limits.ts";

/**
 * Where the entries of a zip are, by its central directory and by the local headers before it:
 * what the directory leaves out (deleted, or hidden) is still in the file.
 *
 * @see PKWARE, APPNOTE.TXT 6.3.10, 4.3 and 4.5
 */

/** One entry. All offsets are of the file. */
export interface ZipEntry {
  /** Where its name is: {@link nameOf}. */
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly method: number;
  readonly isEncrypted: boolean;
  /** Of the content; undefined when only a data descriptor behind the data says it. */
  readonly crc: number | undefined;
  readonly size: number | undefined;
  readonly start: number;
  /** End of the data; the end of the file when nothing says it. */
  readonly end: number;
}

const SIGNATURE = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
};
const LOCAL_BYTES = Buffer.from("PK\x03\x04", "latin1");
const END_BYTES = Buffer.from("PK\x05\x06", "latin1");

/** Fixed parts of the records. */
const LENGTH = { local: 30, central: 46, end: 22, end64: 56, locator64: 20 };

/** A comment, which is last, is no longer. */
const LONGEST_COMMENT = 0xffff;

const FLAG = { encrypted: 1, descriptor: 8 };
const IN_ZIP64 = 0xffffffff;

/** Gives what can be found, and at last what is wrong with the zip as a whole; never throws. */
export type ZipEntries = Generator<ZipEntry, string | undefined>;

export function zipEntries(bytes: Buffer): ZipEntries {
  return ListedZip.of(bytes)?.entries() ?? unlistedEntries(bytes);
}

function* unlistedEntries(bytes: Buffer): ZipEntries {
  yield* localEntries(bytes, 0, bytes.length);
  return "a zip without its directory: cut off, or broken";
}

/** A zip with a directory, which is read when that is asked for. */
export class ListedZip {
  readonly #bytes: Buffer;
  readonly #directory: Directory;
  #records: CentralRecords | undefined;

  private constructor(bytes: Buffer, directory: Directory) {
    this.#bytes = bytes;
    this.#directory = directory;
  }

  /** @returns null for a zip without one */
  static of(bytes: Buffer): ListedZip | null {
    const directory = findDirectory(bytes);
    return directory === null ? null : new ListedZip(bytes, directory);
  }

  /** Bytes of the directory. */
  get directorySize(): number {
    return this.#directory.end - this.#directory.start;
  }

  /** Bytes from one entry that is listed to the next, at most: its data, and what is hidden behind it. */
  widest(): number {
    let [at, widest] = [0, 0];
    for (const { local } of this.#listed().list) {
      widest = Math.max(widest, local - at);
      at = local;
    }
    return Math.max(widest, this.#directory.start - at);
  }

  *entries(): ZipEntries {
    const { list, trouble } = this.#listed();
    let missing: string | undefined;
    let at = 0;
    for (const record of list) {
      // between the entries that are listed may be others
      if (record.local > at) yield* localEntries(this.#bytes, at, record.local);
      // what a bomb does, and no archiver: bytes that are read again and again
      const isOverlap = record.local < at;
      const entry = isOverlap ? null : readLocal(this.#bytes, record.local, record);
      if (isOverlap) missing = "entries of the zip overlap";
      else if (entry === null) missing = "an entry of the zip is not where it should be";
      else yield entry;
      at = Math.max(at, entry?.end ?? 0);
    }
    yield* localEntries(this.#bytes, at, this.#directory.start);
    return trouble ?? missing;
  }

  #listed(): CentralRecords {
    this.#records ??= centralRecords(this.#bytes, this.#directory);
    return this.#records;
  }
}

/** Where the header of an entry is, before its name. */
export function headerStart({ nameStart }: ZipEntry): number {
  return nameStart - LENGTH.local;
}

/** The name of an entry, which is only needed when there is something to say of it. */
export function nameOf(bytes: Buffer, { nameStart, nameEnd }: ZipEntry): string {
  return bytes.toString("utf8", nameStart, nameEnd);
}

/** True when a zip stands behind a program: its directory is at the end, or an entry is somewhere. */
export function holdsZip(bytes: Buffer): boolean {
  return findDirectory(bytes) !== null || bytes.includes(LOCAL_BYTES);
}

interface Directory {
  readonly start: number;
  readonly end: number;
  /** Added to every offset: bytes that stand before the zip and that it does not count. */
  readonly shift: number;
}

function findDirectory(bytes: Buffer): Directory | null {
  const least = Math.max(0, bytes.length - LENGTH.end - LONGEST_COMMENT);
  for (let at = bytes.length - LENGTH.end; at >= least; at--) {
    at = bytes.lastIndexOf(END_BYTES, at);
    if (at < least) return null;
    if (at + LENGTH.end + bytes.readUInt16LE(at + 20) > bytes.length) continue;
    return readEnd64(bytes, at) ?? readEnd(bytes, at);
  }
  return null;
}

function readEnd(bytes: Buffer, at: number): Directory | null {
  const size = bytes.readUInt32LE(at + 12);
  const offset = bytes.readUInt32LE(at + 16);
  return directoryBefore(at, size, offset);
}

function readEnd64(bytes: Buffer, end: number): Directory | null {
  const locator = end - LENGTH.locator64;
  if (locator < 0 || bytes.readUInt32LE(locator) !== SIGNATURE.locator64) return null;
  // right before the locator, wherever the file says that it is: bytes may stand before the zip
  const at = locator - LENGTH.end64;
  if (at < 0 || bytes.readUInt32LE(at) !== SIGNATURE.end64) return null;
  return directoryBefore(at, size64(bytes, at + 40), size64(bytes, at + 48));
}

function directoryBefore(end: number, size: number, offset: number): Directory | null {
  const start = end - size;
  const shift = start - offset;
  return start < 0 || shift < 0 ? null : { start, end, shift };
}

interface CentralRecord {
  readonly crc: number;
  readonly size: number;
  readonly packed: number;
  readonly local: number;
}

interface CentralRecords {
  /** By where their entries are. */
  readonly list: readonly CentralRecord[];
  readonly trouble: string | undefined;
}

function centralRecords(bytes: Buffer, directory: Directory): CentralRecords {
  const list: CentralRecord[] = [];
  const trouble = readRecords(bytes, directory, list);
  list.sort((a, b) => a.local - b.local);
  return { list, trouble };
}

/** @returns why it ended early */
function readRecords(
  bytes: Buffer,
  { start, end, shift }: Directory,
  list: CentralRecord[],
): string | undefined {
  for (let at = start; at < end;) {
    if (at + LENGTH.central > end || bytes.readUInt32LE(at) !== SIGNATURE.central) {
      return "the directory of the zip is broken";
    }
    if (list.length === BOUNDS.zipEntries) return "a zip of more than 200,000 entries";
    const nameEnd = at + LENGTH.central + bytes.readUInt16LE(at + 28);
    const extraEnd = nameEnd + bytes.readUInt16LE(at + 30);
    const extra = bytes.subarray(Math.min(nameEnd, end), Math.min(extraEnd, end));
    const plain = [24, 20, 42].map((offset) => bytes.readUInt32LE(at + offset));
    const [size = 0, packed = 0, local = 0] = withZip64(plain, extra);
    list.push({ crc: bytes.readUInt32LE(at + 16), size, packed, local: local + shift });
    at = extraEnd + bytes.readUInt16LE(at + 32);
  }
  return undefined;
}

/** Local headers from one offset to another, with whatever bytes between them. */
function* localEntries(bytes: Buffer, from: number, to: number): Generator<ZipEntry> {
  const within = bytes.subarray(0, to);
  for (let at = within.indexOf(LOCAL_BYTES, from); at >= 0; at = within.indexOf(LOCAL_BYTES, at)) {
    const entry = readLocal(within, at);
    at += LOCAL_BYTES.length;
    if (entry === null) continue;
    yield entry;
    // data of unknown length: another entry may begin anywhere in it
    at = entry.size === undefined ? entry.start : Math.max(entry.start, entry.end);
  }
}

/** @param record - what the directory says of it, which counts more */
function readLocal(bytes: Buffer, at: number, record?: CentralRecord): ZipEntry | null {
  if (at < 0 || at + LENGTH.local > bytes.length) return null;
  if (bytes.readUInt32LE(at) !== SIGNATURE.local) return null;
  const flags = bytes.readUInt16LE(at + 6);
  const nameEnd = at + LENGTH.local + bytes.readUInt16LE(at + 26);
  const start = nameEnd + bytes.readUInt16LE(at + 28);
  if (start > bytes.length) return null;
  const { crc, size, packed } = record ?? localRecord(bytes, at, { nameEnd, start });
  return {
    nameStart: at + LENGTH.local,
    nameEnd,
    method: bytes.readUInt16LE(at + 8),
    isEncrypted: (flags & FLAG.encrypted) !== 0,
    crc,
    size,
    start,
    end: start + (packed ?? bytes.length - start),
  };
}

/** What the local header says; nothing when a descriptor behind the data says it. */
function localRecord(
  bytes: Buffer,
  at: number,
  { nameEnd, start }: { readonly nameEnd: number; readonly start: number },
): { crc?: number; size?: number; packed?: number } {
  const plain = [22, 18].map((offset) => bytes.readUInt32LE(at + offset));
  const [size = 0, packed = 0] = withZip64(plain, bytes.subarray(nameEnd, start));
  const isLater = (bytes.readUInt16LE(at + 6) & FLAG.descriptor) !== 0 && packed === 0;
  return isLater ? {} : { crc: bytes.readUInt32LE(at + 14), size, packed };
}

/** Replaces what does not fit in 32 bits by the fields of the zip64 extra block, in its order. */
function withZip64(plain: readonly number[], extra: Buffer): number[] {
  if (!plain.includes(IN_ZIP64)) return [...plain];
  let at = blockOf(extra, 1);
  return plain.map((value) => {
    if (value !== IN_ZIP64 || at === null || at + 8 > extra.length) return value;
    at += 8;
    return size64(extra, at - 8);
  });
}

/** Where the content of an extra block begins. */
function blockOf(extra: Buffer, id: number): number | null {
  for (let at = 0; at + 4 <= extra.length;) {
    if (extra.readUInt16LE(at) === id) return at + 4;
    at += 4 + extra.readUInt16LE(at + 2);
  }
  return null;
}

/** Beyond what a number holds exactly is beyond every file. */
function size64(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

/** The compression methods that are read, by the codec; see APPNOTE 4.4.5. */
export function codecOf({ method, isEncrypted }: ZipEntry): ZipCodec {
  if (isEncrypted) throw new Unreadable("an encrypted entry of a zip");
  const codec = METHODS.get(method);
  if (codec === undefined) throw new Unreadable("a zip entry of an unknown compression");
  return codec;
}

type ZipCodec = "stored" | "deflate" | "bzip2" | "zstd" | "xz";

const METHODS = new Map<number, ZipCodec>([
  [0, "stored"],
  [8, "deflate"],
  [12, "bzip2"],
  [93, "zstd"],
  [95, "xz"],
]);
