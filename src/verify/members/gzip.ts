import * as zlib from "node:zlib";
import type { Sink } from "../decompress.ts";
import { GZIP_TRAILER, gzipHeaderLength, hasSums } from "../gzip-header.ts";
import type { Decoded, SmallDecoder } from "./inflate.ts";
import { inflateStream } from "./inflate.ts";
import { Unreadable } from "./limits.ts";

/**
 * Members of a gzip file, one by one: Node takes several at once, but fails on what stands behind
 * the last one and then keeps nothing of it.
 *
 * @see RFC 1952
 */

/** A whole member in one step; null as {@link SmallDecoder.decode} gives it. */
export function gunzipSmall(bytes: Buffer, decoder: SmallDecoder): Decoded | null {
  const start = gzipHeaderLength(bytes) ?? bytes.length;
  if (bytes.length < start + GZIP_TRAILER) return null;
  // right for a file of one member, and only a hint
  const expected = bytes.readUInt32LE(bytes.length - 4);
  const hint = expected > bytes.length * 1100 ? undefined : expected;
  const decoded = decoder.decode("deflate", bytes.subarray(start), hint);
  if (decoded === null) return null;
  const { output } = decoded;
  const end = start + decoded.used;
  return hasSums(bytes, end, { crc: zlib.crc32(output), size: output.length })
    ? { ...decoded, used: end + GZIP_TRAILER }
    : null;
}

/** @returns the bytes of one member; @throws {@link Unreadable} */
export async function gunzipStream(bytes: Buffer, sink: Sink): Promise<number> {
  const start = gzipHeaderLength(bytes) ?? null;
  if (start === null) throw new Unreadable("a gzip header is broken");
  const sums = { crc: 0, size: 0 };
  const end =
    start +
    (await inflateStream(bytes.subarray(start), (output) => {
      sums.crc = zlib.crc32(output, sums.crc);
      sums.size += output.length;
      return sink(output);
    }));
  if (!hasSums(bytes, end, sums)) throw new Unreadable("a gzip checksum is wrong");
  return end + GZIP_TRAILER;
}
