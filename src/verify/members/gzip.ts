import * as zlib from "node:zlib";
import type { Sink } from "../decompress.ts";
import type { Decoded, SmallDecoder } from "./inflate.ts";
import { decodeStream } from "./inflate.ts";
import { Unreadable } from "./limits.ts";

/**
 * Members of a gzip file, one by one: Node takes several at once, but fails on what stands behind
 * the last one and then keeps nothing of it.
 *
 * @see RFC 1952
 */

/** CRC and size of the content. */
const TRAILER = 8;

/** The magic and the one method, deflate; and the length of what every header has. */
const MAGIC = 0x1f8b08;
const FIXED = 10;

const FLAG = { headerCrc: 2, extra: 4, name: 8, comment: 16 };

/** A whole member in one step; null as {@link SmallDecoder.decode} gives it. */
export function gunzipSmall(bytes: Buffer, decoder: SmallDecoder): Decoded | null {
  const start = headerLength(bytes);
  if (start === null || bytes.length < start + TRAILER) return null;
  // right for a file of one member, and only a hint
  const expected = bytes.readUInt32LE(bytes.length - 4);
  const hint = expected > bytes.length * 1100 ? undefined : expected;
  const decoded = decoder.decode("deflate", bytes.subarray(start), hint);
  if (decoded === null) return null;
  const { output } = decoded;
  const end = start + decoded.used;
  return isIntact(bytes, end, { crc: zlib.crc32(output), size: output.length })
    ? { ...decoded, used: end + TRAILER }
    : null;
}

/** @returns the bytes of one member; @throws {@link Unreadable} */
export async function gunzipStream(bytes: Buffer, sink: Sink): Promise<number> {
  const start = headerLength(bytes);
  if (start === null) throw new Unreadable("a gzip header is broken");
  let crc = 0;
  let size = 0;
  const end =
    start +
    (await decodeStream("deflate", bytes.subarray(start), (output) => {
      crc = zlib.crc32(output, crc);
      size += output.length;
      return sink(output);
    }));
  if (!isIntact(bytes, end, { crc, size })) throw new Unreadable("a gzip checksum is wrong");
  return end + TRAILER;
}

function isIntact(bytes: Buffer, end: number, o: { crc: number; size: number }): boolean {
  if (bytes.length < end + TRAILER) return false;
  return bytes.readUInt32LE(end) === o.crc && bytes.readUInt32LE(end + 4) === o.size % 2 ** 32;
}

/** Bytes before the deflate data; null when it is no gzip header, or cut off. */
function headerLength(bytes: Buffer): number | null {
  if (bytes.length < FIXED || bytes.readUIntBE(0, 3) !== MAGIC) return null;
  const flags = bytes[3] ?? 0;
  let at: number = FIXED;
  if ((flags & FLAG.extra) !== 0) {
    if (at + 2 > bytes.length) return null;
    at += 2 + bytes.readUInt16LE(at);
  }
  for (const text of [FLAG.name, FLAG.comment]) {
    if ((flags & text) !== 0) at = endOfText(bytes, at);
  }
  if ((flags & FLAG.headerCrc) !== 0) at += 2;
  return at <= bytes.length ? at : null;
}

/** Behind the NUL that ends a text; beyond the end when there is none. */
function endOfText(bytes: Buffer, at: number): number {
  const end = bytes.indexOf(0, at);
  return end < 0 ? bytes.length + 1 : end + 1;
}
