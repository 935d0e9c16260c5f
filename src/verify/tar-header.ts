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

/** Reads one block; null when its checksum is wrong, so when it is no tar header. */
export function parseHeader(block: Buffer): TarHeader | null {
  if (octal(block.subarray(148, 156)) !== checksum(block)) return null;
  const name = string(block.subarray(0, 100));
  // GNU tar's magic ends in spaces and uses the prefix field for other things
  const isPosix = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isPosix ? string(block.subarray(345, 500)) : "";
  const path = prefix === "" ? name : `${prefix}/${name}`;
  const type = typeOf(block[156] ?? 0, name);
  const size = isHeaderOnly(type) ? 0 : number(block.subarray(124, 136));
  if (size === null) return null;
  return { path, link: string(block.subarray(157, 257)), type, size, isSplit: prefix !== "" };
}

/** The first tar of all has no types: a name that ends in a slash is a directory's. */
function typeOf(flag: number, name: string): string {
  if (flag !== 0) return String.fromCharCode(flag);
  return name.endsWith("/") ? "5" : "0";
}

/** True for a block of zeros: two of them end an archive. */
export function isZeroBlock(block: Buffer): boolean {
  return block.equals(ZEROS);
}

const ZEROS = Buffer.alloc(BLOCK);

/** A text up to its first NUL. */
export function string(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? field.length : end);
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
function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK; i++) sum += block[i] ?? 0;
  for (let i = 148; i < 156; i++) sum -= block[i] ?? 0;
  return sum;
}

/** Octal digits, or base-256 with the first bit set (GNU, for 8 GB and more). */
function number(field: Buffer): number | null {
  return ((field[0] ?? 0) & 0x80) === 0 ? octal(field) : base256(field);
}

/** Spaces and NULs before the digits are passed over, as Go does. */
function octal(field: Buffer): number | null {
  let start = 0;
  while (field[start] === 0 || field[start] === 0x20) start++;
  const text = string(field.subarray(start)).trim();
  if (text === "") return 0;
  return /^[0-7]+$/u.test(text) ? Number.parseInt(text, 8) : null;
}

function base256(field: Buffer): number | null {
  let value = (field[0] ?? 0) & 0x7f;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  return Number.isSafeInteger(value) ? value : null;
}
