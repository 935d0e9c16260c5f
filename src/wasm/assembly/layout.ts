/**
 * What is where in the memory of the inflater, in bytes. Input and output follow, as the caller
 * lays them out: from the end of `TABLES` in inflater.ts on.
 */

/** Entries of four bytes: a table by the next bits, and tables behind it for longer codes. */
export const LITERAL_TABLE: usize = 0;
export const DISTANCE_TABLE: usize = 0x4000;
export const LENGTH_TABLE: usize = 0x5000;

/** What each symbol does, as a table has it but for the length of its code. */
export const LITERAL_SYMBOLS: usize = 0x5200;
export const DISTANCE_SYMBOLS: usize = 0x5700;
export const LENGTH_SYMBOLS: usize = 0x5780;

/** Code lengths of a block: a byte for each symbol. */
export const CODE_LENGTHS: usize = 0x5800;

/** Symbols by the length of their codes: two bytes each. */
export const SORTED: usize = 0x5a00;

/** How many codes there are of each length, and where they begin in `SORTED`: four bytes each. */
export const COUNTS: usize = 0x5d00;
export const OFFSETS: usize = 0x5d40;

/** The order in which the lengths of the codes for lengths come: a byte each. */
export const ORDER: usize = 0x5d80;
