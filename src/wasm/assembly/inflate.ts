/**
 * Decodes deflate data (RFC 1951) from memory to memory: of one piece that is all there, or of a stream
 * that comes and goes in pieces, and rests between any two symbols.
 *
 * Built for many small pieces, as archives hold them: nothing is allocated, and nothing is left of one
 * for the next but the tables of the fixed code.
 */
import { LITERAL, SPECIAL, SUBTABLE } from "./huffman";
import { Input } from "./input";
import { DISTANCE_TABLE, LITERAL_TABLE } from "./layout";
import { writeSymbols } from "./symbols";
import { DISTANCE_BITS, dynamicTables, fixedTables, LITERAL_BITS } from "./tables";

const LITERAL_MASK: u64 = (1 << LITERAL_BITS) - 1;
const DISTANCE_MASK: u64 = (1 << DISTANCE_BITS) - 1;

/** Most bits of a distance, and of what its code is followed by. */
const LONGEST_DISTANCE: u32 = 28;

/** Most bytes of what stands before the symbols of a block. */
const LONGEST_START: usize = 640;

/** What a symbol may need of the input, with what is loaded in vain. */
const LONGEST_SYMBOL: usize = 16;

/** How far back a copy may reach. */
const WINDOW: usize = 32768;

/** Results of `run`. */
const DONE: i32 = 0;
const BROKEN: i32 = 1;
const FULL: i32 = 2;
const HUNGRY: i32 = 3;
/** None yet. */
const GOES_ON: i32 = 4;

/** What comes next. */
const START: i32 = 0;
const SYMBOLS: i32 = 1;
const STORED: i32 = 2;

let phase = START;
let isLast = false;
/** Bytes of a stored block that are left. */
let left: usize = 0;

/** Where in the output it is. */
let target: usize = 0;
/** The first byte of the output that is still there. */
let targetStart: usize = 0;
let targetEnd: usize = 0;

/** Behind this no symbol begins. */
let sourceLast: usize = 0;
/** The input that is here is all that there is, and what that is when it does not suffice. */
let isWhole = false;
let exhausted = HUNGRY;

let isPrepared = false;

/** Where it stands: the next byte of the input, and of the output. */
export function at(): usize {
  return Input.next;
}
export function end(): usize {
  return target;
}

/** Begins another piece or stream, whose output goes here. */
export function begin(output: usize): void {
  if (!isPrepared) writeSymbols();
  isPrepared = true;
  phase = START;
  isLast = false;
  Input.bits = 0;
  Input.count = 0;
  targetStart = output;
  target = output;
}

/**
 * Goes on, until it is done or can't.
 *
 * @param input - what was not used yet. Behind its end the memory has 32 bytes that are nobody's
 * @param outputEnd - up to 600 bytes are written behind it
 * @param isAll - nothing follows this input
 * @returns 0 when it is done, 1 when the data is broken or cut off, 2 when the room is used, 3 when more
 *   input is needed: a few hundred bytes may be left
 */
export function run(input: usize, inputEnd: usize, outputEnd: usize, isAll: bool): i32 {
  Input.next = input;
  Input.end = inputEnd;
  sourceLast = isAll ? inputEnd + 8 : inputEnd - LONGEST_SYMBOL;
  isWhole = isAll;
  exhausted = isAll ? BROKEN : HUNGRY;
  targetEnd = outputEnd;
  let result = GOES_ON;
  while (result === GOES_ON) result = step();
  Input.giveBack();
  return Input.isOverdrawn() ? BROKEN : result;
}

/** Moves what copies may reach to before the room for output, which begins here again. */
export function slide(output: usize): void {
  const kept = min(target - targetStart, WINDOW);
  memory.copy(output - kept, target - kept, kept);
  targetStart = output - kept;
  target = output;
}

function step(): i32 {
  if (phase === SYMBOLS) return compressed();
  if (phase === STORED) return stored();
  if (isLast) return DONE;
  if (!isWhole && Input.next + LONGEST_START > Input.end) return HUNGRY;
  if (Input.next > sourceLast) return exhausted;
  Input.refill();
  isLast = Input.take(1) === 1;
  const type = Input.take(2);
  if (type === 0) return startStored() ? GOES_ON : BROKEN;
  if (type === 3) return BROKEN;
  if (type === 1) fixedTables();
  else if (!dynamicTables()) return BROKEN;
  phase = SYMBOLS;
  return GOES_ON;
}

/** 3.2.4 */
function startStored(): bool {
  Input.align();
  if (Input.next + 4 > Input.end) return false;
  left = <usize>load<u16>(Input.next);
  if ((left ^ 0xffff) !== <usize>load<u16>(Input.next, 2)) return false;
  Input.next += 4;
  phase = STORED;
  return true;
}

function stored(): i32 {
  if (target > targetEnd) return FULL;
  const length = min(left, min(Input.end - Input.next, targetEnd - target));
  memory.copy(target, Input.next, length);
  Input.next += length;
  target += length;
  left -= length;
  if (left > 0) return Input.next === Input.end ? exhausted : FULL;
  phase = START;
  return GOES_ON;
}

/**
 * Literals and copies, to the end of the block: 3.2.3. Nearly all time is spent here, so it is one
 * function: what it holds in locals is in registers.
 */
function compressed(): i32 {
  let from = Input.next;
  let to = target;
  let held = Input.bits;
  // only the lowest six bits count: what shifts take, and what subtracting whole entries leaves right
  let holds = <u32>Input.count;
  const last = sourceLast;
  const start = targetStart;
  const end = targetEnd;
  if (from > last || to > end) return to > end ? FULL : exhausted;
  held |= load<u64>(from) << holds;
  from += (~holds >> 3) & 7;
  holds |= 56;
  let entry = load<u32>(LITERAL_TABLE + ((<usize>(held & LITERAL_MASK)) << 2));
  for (;;) {
    // two literals take 22 bits at most, and leave enough for a length
    if ((entry & LITERAL) !== 0) {
      held >>= entry;
      holds -= entry;
      store<u8>(to++, <u8>(entry >> 16));
      entry = load<u32>(LITERAL_TABLE + ((<usize>(held & LITERAL_MASK)) << 2));
      if ((entry & LITERAL) !== 0) {
        held >>= entry;
        holds -= entry;
        store<u8>(to++, <u8>(entry >> 16));
        entry = load<u32>(LITERAL_TABLE + ((<usize>(held & LITERAL_MASK)) << 2));
      }
    }
    if ((entry & SUBTABLE) !== 0) {
      held >>= LITERAL_BITS;
      holds -= LITERAL_BITS;
      entry = load<u32>(LITERAL_TABLE + inSubtable(entry, held));
    }
    const before = held;
    held >>= entry;
    holds -= entry;
    if ((entry & LITERAL) !== 0) {
      store<u8>(to++, <u8>(entry >> 16));
      if (from > last || to > end) {
        save(from, to, held, holds);
        return to > end ? FULL : exhausted;
      }
      held |= load<u64>(from) << holds;
      from += (~holds >> 3) & 7;
      holds |= 56;
      entry = load<u32>(LITERAL_TABLE + ((<usize>(held & LITERAL_MASK)) << 2));
      continue;
    }
    if ((entry & SPECIAL) !== 0) {
      if (entry >> 16 !== 0) return BROKEN;
      save(from, to, held, holds);
      phase = START;
      return GOES_ON;
    }
    const length = valueOf(entry, before);
    if ((holds & 63) < LONGEST_DISTANCE) {
      held |= load<u64>(from) << holds;
      from += (~holds >> 3) & 7;
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
    held >>= entry;
    holds -= entry;
    if (distance > to - start) return BROKEN;
    if (from > last || to > end) {
      copy(to, distance, length);
      to += length;
      save(from, to, held, holds);
      return to > end ? FULL : exhausted;
    }
    held |= load<u64>(from) << holds;
    from += (~holds >> 3) & 7;
    holds |= 56;
    entry = load<u32>(LITERAL_TABLE + ((<usize>(held & LITERAL_MASK)) << 2));
    copy(to, distance, length);
    to += length;
  }
  return BROKEN;
}

function save(from: usize, to: usize, held: u64, holds: u32): void {
  Input.next = from;
  Input.bits = held;
  Input.count = <u64>(holds & 63);
  target = to;
}

/** The place of an entry behind another table. */
function inSubtable(entry: u32, held: u64): usize {
  const mask: u32 = (1 << ((entry >> 8) & 15)) - 1;
  return (<usize>((entry >> 16) + ((<u32>held) & mask))) << 2;
}

/** A length or a distance: that of its code, and what the bits behind the code add. */
function valueOf(entry: u32, held: u64): usize {
  const extra = (held & (((<u64>1) << entry) - 1)) >> (entry >> 8);
  return <usize>(entry >> 16) + <usize>extra;
}

/** Copies what was written before; the two may overlap. May write up to 31 bytes more. */
function copy(to: usize, distance: usize, length: usize): void {
  const end = to + length;
  let from = to - distance;
  if (distance >= 8) {
    // most are short: without a loop nothing has to be guessed
    store<u64>(to, load<u64>(from));
    store<u64>(to, load<u64>(from, 8), 8);
    store<u64>(to, load<u64>(from, 16), 16);
    store<u64>(to, load<u64>(from, 24), 24);
    while (to + 32 < end) {
      to += 32;
      from += 32;
      store<u64>(to, load<u64>(from));
      store<u64>(to, load<u64>(from, 8), 8);
      store<u64>(to, load<u64>(from, 16), 16);
      store<u64>(to, load<u64>(from, 24), 24);
    }
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
