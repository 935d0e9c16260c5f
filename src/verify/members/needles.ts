import type { Needle } from "../../needles/needle.ts";

/** Needles for another thread: their bytes in one piece, which is transferred and not copied. */
export interface PackedNeedles {
  readonly bytes: ArrayBuffer;
  readonly list: readonly (Omit<Needle, "bytes"> & {
    readonly start: number;
    readonly length: number;
  })[];
}

/** A copy of the needles; whoever gets it wipes it. */
export function packNeedles(needles: readonly Needle[]): PackedNeedles {
  const size = needles.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const all = new ArrayBuffer(size);
  let start = 0;
  const list = needles.map(({ bytes, ...needle }) => {
    const { length } = bytes;
    bytes.copy(Buffer.from(all, start, length));
    start += length;
    return { ...needle, start: start - length, length };
  });
  return { bytes: all, list };
}

/** The needles, as views into the packed bytes. */
export function unpackNeedles({ bytes, list }: PackedNeedles): Needle[] {
  return list.map(({ start, length, ...needle }) => ({
    ...needle,
    bytes: Buffer.from(bytes, start, length),
  }));
}
