/** The header of a gzip member: RFC 1952, 2.3. */

/** CRC and size of the content, behind it. */
export const GZIP_TRAILER = 8;

/** The magic and the one method, deflate; and the length of what every header has. */
const MAGIC = 0x1f8b08;
const FIXED = 10;

const FLAG = { headerCrc: 2, extra: 4, name: 8, comment: 16 };

/** Bytes before the deflate data; null when it is no header, undefined when it is cut off. */
export function gzipHeaderLength(bytes: Buffer): number | null | undefined {
  if (bytes.length < FIXED) return undefined;
  if (bytes.readUIntBE(0, 3) !== MAGIC) return null;
  const flags = bytes[3] ?? 0;
  let at: number = FIXED;
  if ((flags & FLAG.extra) !== 0) {
    if (at + 2 > bytes.length) return undefined;
    at += 2 + bytes.readUInt16LE(at);
  }
  for (const text of [FLAG.name, FLAG.comment]) {
    if ((flags & text) !== 0) at = endOfText(bytes, at);
  }
  if ((flags & FLAG.headerCrc) !== 0) at += 2;
  return at <= bytes.length ? at : undefined;
}

/** Behind the NUL that ends a text; beyond the end when there is none. */
function endOfText(bytes: Buffer, at: number): number {
  const end = bytes.indexOf(0, at);
  return end < 0 ? bytes.length + 1 : end + 1;
}

/** What a trailer says of the content. */
export interface GzipSums {
  crc: number;
  size: number;
}

/** @param at - where the trailer is */
export function hasSums(bytes: Buffer, at: number, { crc, size }: GzipSums): boolean {
  if (bytes.length < at + GZIP_TRAILER) return false;
  return bytes.readUInt32LE(at) === crc && bytes.readUInt32LE(at + 4) === size % 2 ** 32;
}
