/**
 * Decodes deflate data (RFC 1951) from memory to memory, in one step.
 *
 * Built for many small pieces, as archives hold them: nothing is allocated, and nothing is left of one
 * piece for the next but the tables of the fixed code.
 */
import { buildTable, LITERAL, SPECIAL, SUBTABLE } from "./huffman";
import {
  CODE_LENGTHS,
  DISTANCE_SYMBOLS,
  DISTANCE_TABLE,
  LENGTH_SYMBOLS,
  LENGTH_TABLE,
  LITERAL_SYMBOLS,
  LITERAL_TABLE,
  ORDER,
} from "./layout";
import { END_OF_BLOCK, writeSymbols } from "./symbols";

/** Bits that the tables go by: measured best of 9 to 11, and 7 to 8. */
const LITERAL_BITS: u32 = 11;
const DISTANCE_BITS: u32 = 8;
const LENGTH_BITS: u32 = 7;
const LITERAL_MASK: u64 = (1 << LITERAL_BITS) - 1;
const DISTANCE_MASK: u64 = (1 << DISTANCE_BITS) - 1;
const LENGTH_MASK: u64 = (1 << LENGTH_BITS) - 1;

/** Most bits of a distance, and of what its code is followed by. */
const LONGEST_DISTANCE: u64 = 28;

const DONE: i32 = 0;
const BROKEN: i32 = 1;
const FULL: i32 = 2;
/** No result yet: the next block follows. */
const GOES_ON: i32 = 3;

/** Where in the input and the output it is, and the bits that were read and not used. */
let source: usize = 0;
let target: usize = 0;
let bits: u64 = 0;
let count: u64 = 0;

let sourceEnd: usize = 0;
let targetStart: usize = 0;
let targetEnd: usize = 0;

let isPrepared = false;
/** The tables are those of the fixed code. */
let isFixed = false;

/** Bytes of the input that were used, and of the output: after a result of 0. */
export function used(): usize {
  return source;
}
export function written(): usize {
  return target;
}

/**
 * @param input - start of the data; behind its end the memory has 16 bytes that are nobody's
 * @param output - start of the room; behind its end the memory has 300 bytes that are written over
 * @returns 0, or 1 when the data is broken or cut off, or 2 when the room is too small
 */
export function inflate(input: usize, inputEnd: usize, output: usize, outputEnd: usize): i32 {
  if (!isPrepared) writeSymbols();
  isPrepared = true;
  source = input;
  sourceEnd = inputEnd;
  target = output;
  targetStart = output;
  targetEnd = outputEnd;
  bits = 0;
  count = 0;
  let isLast = false;
  while (!isLast) {
    refill();
    isLast = take(1) === 1;
    const result = block(take(2));
    if (result !== GOES_ON) return result;
  }
  source -= <usize>(count >> 3);
  if (source > sourceEnd) return BROKEN;
  source -= input;
  target -= output;
  return DONE;
}

function block(type: u32): i32 {
  if (type === 0) return stored();
  if (type === 3) return BROKEN;
  if (type === 1) fixedTables();
  else if (!dynamicTables()) return BROKEN;
  return compressed();
}

/** 3.2.4 */
function stored(): i32 {
  const from = source - <usize>(count >> 3);
  if (from + 4 > sourceEnd) return BROKEN;
  const length = <usize>load<u16>(from);
  if ((length ^ 0xffff) !== <usize>load<u16>(from, 2)) return BROKEN;
  if (from + 4 + length > sourceEnd) return BROKEN;
  if (target + length > targetEnd) return FULL;
  memory.copy(target, from + 4, length);
  target += length;
  source = from + 4 + length;
  bits = 0;
  count = 0;
  return GOES_ON;
}

/** 3.2.6 */
function fixedTables(): void {
  if (isFixed) return;
  memory.fill(CODE_LENGTHS, 8, 144);
  memory.fill(CODE_LENGTHS + 144, 9, 112);
  memory.fill(CODE_LENGTHS + 256, 7, 24);
  memory.fill(CODE_LENGTHS + 280, 8, 8);
  buildTable(CODE_LENGTHS, 288, LITERAL_TABLE, LITERAL_BITS, LITERAL_SYMBOLS);
  memory.fill(CODE_LENGTHS, 5, 32);
  buildTable(CODE_LENGTHS, 32, DISTANCE_TABLE, DISTANCE_BITS, DISTANCE_SYMBOLS);
  isFixed = true;
}

/** 3.2.7 */
function dynamicTables(): bool {
  isFixed = false;
  const literals = take(5) + 257;
  const distances = take(5) + 1;
  const lengths = take(4) + 4;
  if (literals > 286 || distances > 30) return false;
  memory.fill(CODE_LENGTHS, 0, 19);
  for (let i: u32 = 0; i < lengths; i++) {
    if (count < 3) refill();
    store<u8>(CODE_LENGTHS + load<u8>(ORDER + i), <u8>take(3));
  }
  if (!buildTable(CODE_LENGTHS, 19, LENGTH_TABLE, LENGTH_BITS, LENGTH_SYMBOLS)) return false;
  if (!codeLengths(literals + distances)) return false;
  if (load<u8>(CODE_LENGTHS + END_OF_BLOCK) === 0) return false;
  const behind = CODE_LENGTHS + literals;
  return (
    buildTable(behind, distances, DISTANCE_TABLE, DISTANCE_BITS, DISTANCE_SYMBOLS) &&
    buildTable(CODE_LENGTHS, literals, LITERAL_TABLE, LITERAL_BITS, LITERAL_SYMBOLS)
  );
}

function codeLengths(total: u32): bool {
  for (let i: u32 = 0; i < total;) {
    if (source > sourceEnd + 8) return false;
    if (count < 14) refill();
    const entry = load<u32>(LENGTH_TABLE + ((<usize>(bits & LENGTH_MASK)) << 2));
    if ((entry & SPECIAL) !== 0) return false;
    take(entry & 0xff);
    const symbol = entry >> 16;
    if (symbol < 16) {
      store<u8>(CODE_LENGTHS + i, <u8>symbol);
      i++;
      continue;
    }
    if (symbol === 16 && i === 0) return false;
    const value = symbol === 16 ? load<u8>(CODE_LENGTHS + i - 1) : 0;
    const times = symbol === 16 ? 3 + take(2) : symbol === 17 ? 3 + take(3) : 11 + take(7);
    if (i + times > total) return false;
    memory.fill(CODE_LENGTHS + i, value, times);
    i += times;
  }
  return true;
}

/**
 * Literals and copies, to the end of the block: 3.2.3. Nearly all time is spent here, so it is one
 * function: what it holds in locals is in registers.
 */
function compressed(): i32 {
  let from = source;
  let to = target;
  let held = bits;
  let holds = count;
  const last = sourceEnd + 8;
  const start = targetStart;
  const end = targetEnd;
  for (;;) {
    if (from > last) return BROKEN;
    if (to > end) return FULL;
    held |= load<u64>(from) << holds;
    from += <usize>((63 - holds) >> 3);
    holds |= 56;
    let entry = load<u32>(LITERAL_TABLE + ((<usize>(held & LITERAL_MASK)) << 2));
    // two literals take 22 bits at most, and leave enough for a length
    if ((entry & LITERAL) !== 0) {
      held >>= <u64>(entry & 0xff);
      holds -= <u64>(entry & 0xff);
      store<u8>(to++, <u8>(entry >> 16));
      entry = load<u32>(LITERAL_TABLE + ((<usize>(held & LITERAL_MASK)) << 2));
      if ((entry & LITERAL) !== 0) {
        held >>= <u64>(entry & 0xff);
        holds -= <u64>(entry & 0xff);
        store<u8>(to++, <u8>(entry >> 16));
        entry = load<u32>(LITERAL_TABLE + ((<usize>(held & LITERAL_MASK)) << 2));
      }
    }
    if ((entry & SUBTABLE) !== 0) {
      held >>= LITERAL_BITS;
      holds -= LITERAL_BITS;
      entry = load<u32>(LITERAL_TABLE + inSubtable(entry, held));
    }
    if ((entry & LITERAL) !== 0) {
      held >>= <u64>(entry & 0xff);
      holds -= <u64>(entry & 0xff);
      store<u8>(to++, <u8>(entry >> 16));
      continue;
    }
    if ((entry & SPECIAL) !== 0) {
      if (entry >> 16 !== 0) return BROKEN;
      source = from;
      target = to;
      bits = held >> (<u64>(entry & 0xff));
      count = holds - <u64>(entry & 0xff);
      return GOES_ON;
    }
    const length = valueOf(entry, held);
    held >>= <u64>(entry & 0xff);
    holds -= <u64>(entry & 0xff);
    if (holds < LONGEST_DISTANCE) {
      held |= load<u64>(from) << holds;
      from += <usize>((63 - holds) >> 3);
      holds |= 56;
    }
    entry = load<u32>(DISTANCE_TABLE + ((<usize>(held & DISTANCE_MASK)) << 2));
    if ((entry & SUBTABLE) !== 0) {
      held >>= DISTANCE_BITS;
      holds -= DISTANCE_BITS;
      entry = load<u32>(DISTANCE_TABLE + inSubtable(entry, held));
    }
    if ((entry & SPECIAL) !== 0) return BROKEN;
    const distance = valueOf(entry, held);
    held >>= <u64>(entry & 0xff);
    holds -= <u64>(entry & 0xff);
    if (distance > to - start) return BROKEN;
    copy(to, distance, length);
    to += length;
  }
  return BROKEN;
}

/** The place of an entry behind another table. */
function inSubtable(entry: u32, held: u64): usize {
  const mask: u32 = (1 << ((entry >> 8) & 15)) - 1;
  return (<usize>((entry >> 16) + ((<u32>held) & mask))) << 2;
}

/** A length or a distance: that of its code, and what the bits behind the code add. */
function valueOf(entry: u32, held: u64): usize {
  const bits = ((<u64>1) << (entry & 0xff)) - 1;
  return <usize>(entry >> 16) + <usize>((held & bits) >> (<u64>((entry >> 8) & 15)));
}

/** Copies what was written before; the two may overlap. May write up to 15 bytes more. */
function copy(to: usize, distance: usize, length: usize): void {
  const end = to + length;
  let from = to - distance;
  if (distance >= 8) {
    do {
      store<u64>(to, load<u64>(from));
      store<u64>(to, load<u64>(from, 8), 8);
      to += 16;
      from += 16;
    } while (to < end);
  } else if (distance === 1) {
    const run = <u64>load<u8>(from) * 0x0101010101010101;
    do {
      store<u64>(to, run);
      to += 8;
    } while (to < end);
  } else {
    // each time, the first bytes are right, as many as the distance
    do {
      store<u64>(to, load<u64>(from));
      to += distance;
      from += distance;
    } while (to < end);
  }
}

/** Has at least 56 bits after it. */
function refill(): void {
  bits |= load<u64>(source) << count;
  source += <usize>((63 - count) >> 3);
  count |= 56;
}

function take(length: u32): u32 {
  const value = (<u32>bits) & ((1 << length) - 1);
  bits >>= <u64>length;
  count -= <u64>length;
  return value;
}
