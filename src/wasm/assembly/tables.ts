/** The tables of a block: RFC 1951, 3.2.6 and 3.2.7. */
import { buildTable, SPECIAL } from "./huffman";
import { Input } from "./input";
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
import { END_OF_BLOCK } from "./symbols";

/** Bits that the tables go by: measured best of 9 to 11, and 7 to 8. */
export const LITERAL_BITS: u32 = 11;
export const DISTANCE_BITS: u32 = 8;
const LENGTH_BITS: u32 = 7;
const LENGTH_MASK: u64 = (1 << LENGTH_BITS) - 1;

/** They are those of the fixed code. */
let isFixed = false;

/** 3.2.6 */
export function fixedTables(): void {
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
export function dynamicTables(): bool {
  isFixed = false;
  const literals = Input.take(5) + 257;
  const distances = Input.take(5) + 1;
  const lengths = Input.take(4) + 4;
  if (literals > 286 || distances > 30) return false;
  memory.fill(CODE_LENGTHS, 0, 19);
  for (let i: u32 = 0; i < lengths; i++) {
    if (Input.count < 3) Input.refill();
    store<u8>(CODE_LENGTHS + load<u8>(ORDER + i), <u8>Input.take(3));
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
    if (Input.isOverdrawn()) return false;
    if (Input.count < 14) Input.refill();
    const entry = load<u32>(LENGTH_TABLE + ((<usize>(Input.bits & LENGTH_MASK)) << 2));
    if ((entry & SPECIAL) !== 0) return false;
    Input.take(entry & 0xff);
    const symbol = entry >> 16;
    if (symbol < 16) {
      store<u8>(CODE_LENGTHS + i, <u8>symbol);
      i++;
      continue;
    }
    if (symbol === 16 && i === 0) return false;
    const value = symbol === 16 ? load<u8>(CODE_LENGTHS + i - 1) : 0;
    const times =
      symbol === 16 ? 3 + Input.take(2) : symbol === 17 ? 3 + Input.take(3) : 11 + Input.take(7);
    if (i + times > total) return false;
    memory.fill(CODE_LENGTHS + i, value, times);
    i += times;
  }
  return true;
}
