import { ZSTD_WINDOW } from "../decompress.ts";
import type { Sink } from "../decompress.ts";
import { decodeStream } from "./inflate.ts";
import { Unreadable } from "./limits.ts";
import type { MemoryBudget } from "./limits.ts";

/**
 * Decodes one zstd frame.
 *
 * @returns the bytes of the input that were used
 * @throws {@link Unreadable} when it is broken or cut off, or its window too large; what came out
 *   before is in the sink
 */
export async function unzstd(bytes: Buffer, sink: Sink, budget: MemoryBudget): Promise<number> {
  const window = windowOf(bytes);
  if (window > 2 ** ZSTD_WINDOW) throw new Unreadable("zstd with a window of more than 64 MiB");
  budget.hold(window);
  try {
    return await decodeStream("zstd", bytes, sink);
  } finally {
    budget.release(window);
  }
}

const MAGIC = 0xfd2fb528;

/** In the byte behind the magic: no window, but the size of the content; and how long that is. */
const SINGLE_SEGMENT = 0x20;
const DICTIONARY_LENGTHS = [0, 1, 2, 4];
const SIZE_LENGTHS = [1, 2, 4, 8];
/** What a size of two bytes leaves out; of others it is too much by no more than that. */
const SIZE_OFFSET = 256;

/**
 * Memory that a frame needs, as its header says; 0 for a frame that is skipped, and for one that is
 * cut off.
 *
 * @see RFC 8878, 3.1.1.1
 */
function windowOf(bytes: Buffer): number {
  if (bytes.length < 18 || bytes.readUInt32LE(0) !== MAGIC) return 0;
  const [descriptor = 0, window = 0] = bytes.subarray(4);
  if ((descriptor & SINGLE_SEGMENT) === 0) {
    const base = 2 ** (10 + (window >> 3));
    return base + (base / 8) * (window & 7);
  }
  const at = 5 + (DICTIONARY_LENGTHS[descriptor & 3] ?? 0);
  const length = SIZE_LENGTHS[descriptor >> 6] ?? 0;
  return length > 4
    ? Number(bytes.readBigUInt64LE(at))
    : bytes.readUIntLE(at, length) + SIZE_OFFSET;
}
