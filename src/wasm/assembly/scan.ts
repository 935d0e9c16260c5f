/**
 * The inner loop of the search: probes text for 4-grams of needles (needles/grams.ts, scanner.ts).
 *
 * Memory: the filter at 0, then the slots of the exact grams, then the text.
 */

/** Knuth's multiplicative hashing, as in needles/grams.ts. */
const FACTOR: u32 = 0x9e3779b1;

/**
 * The first probe from `at` on, before `end`, that falls on a gram of a needle; when there is none, the
 * first one that is not before `end`.
 */
export function next(
  at: i32,
  end: i32,
  stride: i32,
  filterShift: u32,
  slots: u32,
  slotShift: u32,
  slotMask: u32,
): i32 {
  // from here on, fewer than three probes are left
  const last = end - 2 * stride;
  while (at < last) {
    if (
      ((filter(at, filterShift) |
        filter(at + stride, filterShift) |
        filter(at + 2 * stride, filterShift)) &
        1) ===
      0
    ) {
      at += 3 * stride;
      continue;
    }
    // one of the three, or none: the filter lets some through
    for (let i = 0; i < 3; i++) {
      if (has(at, slots, slotShift, slotMask)) return at;
      at += stride;
    }
  }
  for (; at < end; at += stride) if (has(at, slots, slotShift, slotMask)) return at;
  return at;
}

/**
 * The bit of a gram, which is the lowest one here: that with the number 8 * hash + (gram mod 32), which
 * is that of a word loaded from the byte address `hash`.
 */
function filter(at: i32, filterShift: u32): u32 {
  const gram = load<u32>(at);
  return load<u32>((gram * FACTOR) >> filterShift) >> gram;
}

/** Open addressing, slots of 8 bytes (gram, value); a value of 0 ends the search. */
function has(at: i32, slots: u32, slotShift: u32, slotMask: u32): bool {
  const gram = load<u32>(at);
  let slot = (gram * FACTOR) >> slotShift;
  while (load<u32>(slots + (slot << 3), 4) !== 0) {
    if (load<u32>(slots + (slot << 3)) === gram) return true;
    slot = (slot + 1) & slotMask;
  }
  return false;
}
