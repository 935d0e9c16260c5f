/** The symbols of deflate: RFC 1951, 3.2.5. */
import { INVALID, LITERAL, SPECIAL } from "./huffman";
import { DISTANCE_SYMBOLS, LENGTH_SYMBOLS, LITERAL_SYMBOLS, ORDER } from "./layout";

export const END_OF_BLOCK: u32 = 256;

/** Writes what symbols stand for (3.2.5), and the order of the lengths of their codes (3.2.7). */
export function writeSymbols(): void {
  for (let i: u32 = 0; i < 256; i++) store<u32>(LITERAL_SYMBOLS + (i << 2), LITERAL | (i << 16));
  store<u32>(LITERAL_SYMBOLS + (END_OF_BLOCK << 2), SPECIAL);
  let base: u32 = 3;
  for (let i: u32 = 257; i < 285; i++) {
    const extra: u32 = i < 265 ? 0 : (i - 261) >> 2;
    store<u32>(LITERAL_SYMBOLS + (i << 2), (base << 16) | extra);
    base += 1 << extra;
  }
  store<u32>(LITERAL_SYMBOLS + (285 << 2), 258 << 16);
  store<u32>(LITERAL_SYMBOLS + (286 << 2), INVALID);
  store<u32>(LITERAL_SYMBOLS + (287 << 2), INVALID);
  base = 1;
  for (let i: u32 = 0; i < 30; i++) {
    const extra: u32 = i < 4 ? 0 : (i - 2) >> 1;
    store<u32>(DISTANCE_SYMBOLS + (i << 2), (base << 16) | extra);
    base += 1 << extra;
  }
  store<u32>(DISTANCE_SYMBOLS + (30 << 2), INVALID);
  store<u32>(DISTANCE_SYMBOLS + (31 << 2), INVALID);
  for (let i: u32 = 0; i < 19; i++) store<u32>(LENGTH_SYMBOLS + (i << 2), i << 16);
  // 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15
  store<u64>(ORDER, 0x0609070800121110);
  store<u64>(ORDER, 0x020d030c040b050a, 8);
  store<u64>(ORDER, 0x0f010e, 16);
}
