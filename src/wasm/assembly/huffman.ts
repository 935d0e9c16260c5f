/** Tables that decode a Huffman code by its next bits: RFC 1951, 3.2.2. */
import { COUNTS, OFFSETS, SORTED } from "./layout";

/**
 * An entry: in its lowest byte the bits that it takes, those behind its code (see RFC 1951, 3.2.5)
 * included; in the next four bits the length of the code; in the upper half what it stands for.
 */
export const LITERAL: u32 = 1 << 31;
/** Neither a literal nor a length: another table, the end of a block (0), or nothing valid (1). */
export const SPECIAL: u32 = 1 << 15;
/** Another table: where it begins, the bits it goes by, and those that led to it. */
export const SUBTABLE: u32 = 1 << 14;
export const INVALID: u32 = SPECIAL | (1 << 16);

const LONGEST: u32 = 15;

/**
 * @param lengths - code lengths of `count` symbols, a byte each
 * @param bits - of codes that the table itself decodes
 * @param entries - of the symbols, without their codes
 * @returns false when no encoder writes such lengths
 */
export function buildTable(
  lengths: usize,
  count: u32,
  table: usize,
  bits: u32,
  entries: usize,
): bool {
  const space = sortSymbols(lengths, count);
  if (space < 0) return false;
  if (space > 0) return buildIncomplete(table, bits, entries);
  buildComplete(table, bits, entries);
  return true;
}

/** Sorts by length, then by symbol. Returns how much of the space of codes is free; < 0: too many. */
function sortSymbols(lengths: usize, count: u32): i32 {
  memory.fill(COUNTS, 0, 64);
  for (let i: u32 = 0; i < count; i++) {
    const at = COUNTS + ((<usize>load<u8>(lengths + i)) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  let space: i32 = 1;
  let offset = <u32>SORTED;
  for (let i: u32 = 1; i <= LONGEST; i++) {
    const codes = codesOf(i);
    store<u32>(OFFSETS + (i << 2), offset);
    offset += codes << 1;
    space = (space << 1) - <i32>codes;
    if (space < 0) return space;
  }
  for (let i: u32 = 0; i < count; i++) {
    const long = <usize>load<u8>(lengths + i);
    if (long === 0) continue;
    const at = load<u32>(OFFSETS + (long << 2));
    store<u16>(at, <u16>i);
    store<u32>(OFFSETS + (long << 2), at + 2);
  }
  return space;
}

function codesOf(length: u32): u32 {
  return load<u32>(COUNTS + (length << 2));
}

/** Encoders write one code of one bit where one symbol is enough, or none at all: 3.2.7. */
function buildIncomplete(table: usize, bits: u32, entries: usize): bool {
  const ones = codesOf(1);
  for (let i: u32 = 2; i <= LONGEST; i++) if (codesOf(i) > 0) return false;
  const entry = ones === 0 ? INVALID : entryOf(SORTED, entries, 1);
  for (let at = table; at < table + (4 << bits); at += 8) {
    store<u32>(at, entry);
    store<u32>(at, INVALID, 4);
  }
  return true;
}

function buildComplete(table: usize, bits: u32, entries: usize): void {
  const mask: u32 = (1 << bits) - 1;
  let length = longer(0);
  let left = codesOf(length);
  // of the part that is written; with each bit more, it is written once again behind itself
  let size: usize = 4 << length;
  // codes are counted reversed, as their bits come
  let code: u32 = 0;
  let prefix: u32 = ~0;
  let start: u32 = 0;
  let end: u32 = 1 << bits;
  for (let sorted = SORTED; ; sorted += 2) {
    if (length <= bits) {
      store<u32>(table + (code << 2), entryOf(sorted, entries, length));
    } else {
      // those that begin alike have a table of their own
      if ((code & mask) !== prefix) {
        prefix = code & mask;
        start = end;
        const more = subtableBits(length, left, bits);
        end = start + (1 << more);
        store<u32>(table + (prefix << 2), SPECIAL | SUBTABLE | (start << 16) | (more << 8) | bits);
      }
      const step: u32 = 1 << (length - bits);
      const entry = entryOf(sorted, entries, length - bits);
      for (let i = start + (code >> bits); i < end; i += step) store<u32>(table + (i << 2), entry);
    }
    const zeros = code ^ ((1 << length) - 1);
    if (zeros === 0) break;
    const bit: u32 = 1 << (31 - clz(zeros));
    code = (code & (bit - 1)) | bit;
    if (--left > 0) continue;
    length = longer(length);
    left = codesOf(length);
    for (; size < <usize>(4 << min(length, bits)); size <<= 1)
      memory.copy(table + size, table, size);
  }
  for (; size < <usize>(4 << bits); size <<= 1) memory.copy(table + size, table, size);
}

/** The next length that codes have. */
function longer(length: u32): u32 {
  do length++;
  while (codesOf(length) === 0);
  return length;
}

/** As many as the longest code has that begins like the next one, of `left` ones of this length. */
function subtableBits(length: u32, left: u32, bits: u32): u32 {
  let more = length - bits;
  for (let room = left; room < <u32>(1 << more); more++) {
    room = (room << 1) + codesOf(bits + more + 1);
  }
  return more;
}

/** The entry of a symbol whose code has so many bits. */
function entryOf(sorted: usize, entries: usize, bits: u32): u32 {
  return load<u32>(entries + ((<usize>load<u16>(sorted)) << 2)) + (bits << 8) + bits;
}
