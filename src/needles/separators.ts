/**
 * What tools put between the bytes of a text when they break it into lines: CR, LF, spaces, tabs,
 * and, where that text stands in a string of another, backslashes with an `n`, an `r` or a line
 * break behind them.
 */

/**
 * Most bytes between two bytes of a needle: an indentation is hardly deeper. More of them end an
 * occurrence, so that a search looks back a bounded distance.
 */
export const LONGEST_GAP = 64;

const SPACE = 1;
const BREAK = 2;
const LETTER = 4;
const BACKSLASH = 8;

const KINDS = new Uint8Array(256);
for (const [characters, kind] of [
  [" \t", SPACE],
  ["\n\r", BREAK],
  ["nr", LETTER],
  ["\\", BACKSLASH],
] as const) {
  for (const byte of Buffer.from(characters)) KINDS[byte] = kind;
}

/** True when line breaks in these bytes can be told from the bytes themselves. */
export function canWrap(bytes: Uint8Array): boolean {
  // tens of thousands of needles come through here, before the first byte is searched
  for (let i = 0; i < bytes.length; i++) {
    if ((kindOf(bytes[i]) & (SPACE | BREAK | BACKSLASH)) !== 0) return false;
  }
  return true;
}

/** False when a byte is in no separator. */
export function maySeparate(byte: number | undefined): boolean {
  return kindOf(byte) !== 0;
}

/** Reads what stands between two bytes of a needle, from left to right, byte by byte. */
export class Gap {
  #length = 0;
  #isEscaped = false;

  /** True while only the rest of an escape may follow. */
  get isOpen(): boolean {
    return this.#isEscaped;
  }

  /** @returns false when this byte can't stand here */
  take(byte: number): boolean {
    const kind = kindOf(byte);
    const allowed = this.#isEscaped ? BACKSLASH | LETTER | BREAK : BACKSLASH | SPACE | BREAK;
    if ((kind & allowed) === 0 || ++this.#length > LONGEST_GAP) return false;
    this.#isEscaped = kind === BACKSLASH;
    return true;
  }

  /** The needle goes on. */
  close(): void {
    this.#length = 0;
  }
}

/** The beginning of the separator that ends before `end`; `end` when none does. */
export function separatorBefore(text: Uint8Array, end: number): number {
  const kind = kindOf(text[end - 1]);
  if (kind === SPACE) return end - 1;
  const isEscape = kind === LETTER && kindOf(text[end - 2]) === BACKSLASH;
  if (kind !== BREAK && !isEscape) return end;
  let start = end - 1;
  while (kindOf(text[start - 1]) === BACKSLASH) start--;
  return start;
}

function kindOf(byte: number | undefined): number {
  return byte === undefined ? 0 : (KINDS[byte] ?? 0);
}
