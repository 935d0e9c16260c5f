/**
 * Fields of tar headers: POSIX.1-1988 ustar, GNU and PAX (POSIX.1-2001, "pax interchange format").
 * Names are read as UTF-8, broken bytes as U+FFFD: they are for people; the search sees the bytes.
 */

/** Size of every block of a tar file. */
export const BLOCK = 512;

/** The fields of one header block that matter here. */
export interface TarHeader {
  readonly path: string;
  readonly link: string;
  /** Type flag: `0` file, `1` hard link, `2` symbolic link, `5` directory, `L` `K` `x` `g` extensions. */
  readonly type: string;
  /** Bytes of content that follow, without the padding. */
  readonly size: number;
  /** The name was put together from two fields, so its bytes stand nowhere in one piece. */
  readonly isSplit: boolean;
}

const HEADER_ONLY = new Set(["1", "2", "3", "4", "5", "6"]);

/** Links, devices, directories: no content follows, whatever a size field says (as Go reads it). */
export function isHeaderOnly(type: string): boolean {
  return HEADER_ONLY.has(type);
}

/**
 * Reads one block; null when its checksum is wrong, so when it is no tar header. The blocks of a layer
 * are read where they are, and without a view of each field: a million members have as many headers.
 *
 * @param at - where it begins in these bytes, which hold all of it
 */
export function parseHeader(bytes: Buffer, at = 0): TarHeader | null {
  if (octal(bytes, at + 148, at + 156) !== checksum(bytes, at)) return null;
  const name = string(bytes, at, at + 100);
  // GNU tar's magic ends in spaces and uses the prefix field for other things
  const isPosix = bytes[at + 345] !== 0 && bytes.compare(POSIX, 0, 6, at + 257, at + 263) === 0;
  const prefix = isPosix ? string(bytes, at + 345, at + 500) : "";
  const path = prefix === "" ? name : `${prefix}/${name}`;
  const type = typeOf(bytes[at + 156] ?? 0, name);
  const size = isHeaderOnly(type) ? 0 : number(bytes, at + 124, at + 136);
  if (size === null) return null;
  return { path, link: string(bytes, at + 157, at + 257), type, size, isSplit: prefix !== "" };
}

const POSIX = Buffer.from("ustar\0");

/** The first tar of all has no types: a name that ends in a slash is a directory's. */
function typeOf(flag: number, name: string): string {
  if (flag !== 0) return String.fromCharCode(flag);
  return name.endsWith("/") ? "5" : "0";
}

/** True for a block of zeros: two of them end an archive. */
export function isZeroBlock(bytes: Buffer, at = 0): boolean {
  return bytes[at] === 0 && bytes.compare(ZEROS, 0, BLOCK, at, at + BLOCK) === 0;
}

const ZEROS = Buffer.alloc(BLOCK);

/** A text up to its first NUL, or to `limit`. */
export function string(bytes: Buffer, start = 0, limit = bytes.length): string {
  let end = start;
  while (end < limit && bytes[end] !== 0) end++;
  return end === start ? "" : bytes.toString("utf8", start, end);
}

/**
 * The records of a PAX extended header: `LENGTH KEY=VALUE\n`, the length counting the whole
 * record. Null when they are broken.
 */
export function parsePax(body: Buffer): ReadonlyMap<string, string> | null {
  const records = new Map<string, string>();
  for (let at = 0; at < body.length && body[at] !== 0;) {
    const space = body.indexOf(0x20, at);
    const length = Number(body.toString("latin1", at, space));
    const end = at + length;
    if (space < 0 || !Number.isSafeInteger(length) || end <= space || end > body.length)
      return null;
    const equals = body.indexOf(0x3d, space);
    if (equals < 0 || equals >= end) return null;
    records.set(
      body.toString("utf8", space + 1, equals),
      body.toString("utf8", equals + 1, end - 1),
    );
    at = end;
  }
  return records;
}

/** Sum of all bytes, the checksum field itself counted as spaces. */
function checksum(bytes: Buffer, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, BLOCK);
  // four bytes at once: two sums of 16 bits, which those of 256 bytes fit in
  let sums = 0;
  for (let i = 0; i < BLOCK; i += 4) {
    const word = view.getUint32(i, true);
    sums += (word & 0xff00ff) + ((word >>> 8) & 0xff00ff);
  }
  let sum = (sums & 0xffff) + (sums >>> 16);
  for (let i = 148; i < 156; i++) sum += 0x20 - view.getUint8(i);
  return sum;
}

/** Octal digits, or base-256 with the first bit set (GNU, for 8 GB and more). */
function number(bytes: Buffer, start: number, end: number): number | null {
  const isOctal = ((bytes[start] ?? 0) & 0x80) === 0;
  return isOctal ? octal(bytes, start, end) : base256(bytes, start, end);
}

/** Spaces and NULs at both ends are passed over, and what follows a NUL, as Go does. */
function octal(bytes: Buffer, start: number, end: number): number | null {
  let [from, to] = [start, end];
  while (from < to && isPadding(bytes[from])) from++;
  while (to > from && isPadding(bytes[to - 1])) to--;
  let value = 0;
  for (let at = from; at < to && bytes[at] !== 0; at++) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) return null;
    value = value * 8 + digit;
  }
  return value;
}

function isPadding(byte: number | undefined): boolean {
  return byte === 0 || byte === 0x20;
}

function base256(bytes: Buffer, start: number, end: number): number | null {
  let value = (bytes[start] ?? 0) & 0x7f;
  for (let at = start + 1; at < end; at++) value = value * 256 + (bytes[at] ?? 0);
  return Number.isSafeInteger(value) ? value : null;
}
