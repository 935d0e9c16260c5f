/**
 * Base64 on bytes, both ways. Buffer's own functions go through a JavaScript string, which can't be
 * wiped; keys and values pass here as bytes only. Reading is strict: one form for each value.
 */

const STANDARD = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const URL_SAFE = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
const PAD = 0x3d;
const INVALID = 0xff;
const SEXTETS = sextets();

/** Which of the two alphabets of RFC 4648 to write; `url` is without padding. */
export type Alphabet = "standard" | "url";

/** Encodes bytes; the result is a buffer of its own, which the caller wipes if it is secret. */
export function encodeBase64(bytes: Uint8Array, alphabet: Alphabet): Buffer {
  const symbols = alphabet === "url" ? URL_SAFE : STANDARD;
  const text = Buffer.alloc(encodedLength(bytes.length, alphabet), PAD);
  const characters = Math.ceil((bytes.length * 4) / 3);
  for (let i = 0; i < characters; i++) {
    // character i holds the six bits from bit 6 * i on; they lie in at most two bytes
    const at = (i * 6) >> 3;
    const pair = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    text[i] = symbols[(pair >> (10 - ((i * 6) & 7))) & 63] ?? PAD;
  }
  return text;
}

/** Length in bytes of what {@link encodeBase64} returns for `length` bytes. */
export function encodedLength(length: number, alphabet: Alphabet): number {
  return alphabet === "url" ? Math.ceil((length * 4) / 3) : Math.ceil(length / 3) * 4;
}

/**
 * Decodes base64 text, given as its bytes: either alphabet (not mixed), with all of its padding or
 * none, no white space, unused bits zero.
 *
 * @returns a buffer of its own, which the caller wipes if it is secret; null when it is anything else
 */
export function decodeBase64(text: Uint8Array): Buffer | null {
  const length = unpaddedLength(text);
  if (length === null || length % 4 === 1 || mixesAlphabets(text, length)) return null;
  const bytes = Buffer.alloc((length * 3) >> 2);
  const rest = decodeInto(bytes, text, length);
  if (rest === 0) return bytes;
  bytes.fill(0);
  return null;
}

/** {@link decodeBase64} for text that is not secret; fast for what `seal` writes. */
export function decodeBase64Text(text: string): Buffer | null {
  // Buffer skips what it does not know: only what comes out the same was valid
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : decodeBase64(Buffer.from(text));
}

/** Returns the unused bits of the last character, or a positive number when one is invalid. */
function decodeInto(bytes: Buffer, text: Uint8Array, length: number): number {
  let bits = 0;
  let count = 0;
  let at = 0;
  for (let i = 0; i < length; i++) {
    const sextet = SEXTETS[text[i] ?? 0] ?? INVALID;
    if (sextet === INVALID) return INVALID;
    bits = ((bits << 6) | sextet) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes[at++] = (bits >> count) & 0xff;
  }
  return bits & ((1 << count) - 1);
}

/** Number of characters before the padding; null when the padding is not what the length asks for. */
function unpaddedLength(text: Uint8Array): number | null {
  const { length } = text;
  if (length === 0 || text[length - 1] !== PAD) return length;
  if (length % 4 !== 0) return null;
  return text[length - 2] === PAD ? length - 2 : length - 1;
}

function mixesAlphabets(text: Uint8Array, length: number): boolean {
  let standard = false;
  let url = false;
  for (let i = 0; i < length; i++) {
    const character = text[i];
    if (character === 0x2b || character === 0x2f) standard = true;
    else if (character === 0x2d || character === 0x5f) url = true;
  }
  return standard && url;
}

function sextets(): Uint8Array {
  const table = new Uint8Array(256).fill(INVALID);
  for (const symbols of [STANDARD, URL_SAFE]) {
    for (const [value, symbol] of symbols.entries()) table[symbol] = value;
  }
  return table;
}
