/**
 * The little of JSON (RFC 8259) that the envelope needs, on bytes: JSON.parse would leave the
 * plaintext in JavaScript strings, which can't be wiped.
 */

/** One member of an object, as offsets. Keys and strings are given without their quotes. */
export interface Member {
  readonly keyStart: number;
  readonly keyEnd: number;
  /** `other` is a number, a literal, an array or an object: start to end is its whole text. */
  readonly kind: "string" | "other";
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const LETTER_U = 0x75;
/** Escaped letter → byte, for the two-character escapes. */
const SHORT_ESCAPES: ReadonlyMap<number, number> = new Map(
  Array.from(Buffer.from('"\\/bfnrt'), (letter, i) => [letter, '"\\/\b\f\n\r\t'.charCodeAt(i)]),
);
const HEX = Buffer.from("0123456789abcdef");
/** What one byte becomes inside a string: itself, a backslash and itself, or `\u00xx`. */
const ESCAPED_LENGTH = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 ? 6 : byte === QUOTE || byte === BACKSLASH ? 2 : 1,
);

/** Bytes that {@link escapeString} writes for `bytes`. */
export function escapedLength(bytes: Uint8Array): number {
  let length = 0;
  for (const byte of bytes) length += ESCAPED_LENGTH[byte] ?? 1;
  return length;
}

/** Writes UTF-8 bytes as the inside of a JSON string into `target`, from `at` on. */
export function escapeString(bytes: Uint8Array, target: Uint8Array, at: number): void {
  let next = at;
  for (const byte of bytes) {
    const length = ESCAPED_LENGTH[byte] ?? 1;
    if (length > 1) target[next] = BACKSLASH;
    if (length === 6) {
      target.fill(0x30, next + 2, next + 4);
      target[next + 1] = LETTER_U;
      target[next + 4] = HEX[byte >> 4] ?? 0;
      target[next + 5] = HEX[byte & 15] ?? 0;
    } else {
      target[next + length - 1] = byte;
    }
    next += length;
  }
}

/**
 * Undoes the escapes of the inside of a JSON string, `\u` pairs of surrogates included.
 *
 * @returns a view of `text` when it holds no escape (one buffer less for each value of a thousand),
 * else a buffer of its own, which the caller wipes; null for an escape that does not exist or a
 * surrogate without its other half
 */
export function unescapeString(text: Uint8Array): Buffer | null {
  if (!text.includes(BACKSLASH)) return Buffer.from(text.buffer, text.byteOffset, text.length);
  const bytes = Buffer.alloc(text.length);
  let length = 0;
  for (let i = 0; i < text.length;) {
    const byte = text[i] ?? 0;
    if (byte !== BACKSLASH) {
      bytes[length++] = byte;
      i++;
      continue;
    }
    const escape = readEscape(text, i);
    if (escape === null) {
      bytes.fill(0);
      return null;
    }
    length = writeUtf8(escape.codePoint, bytes, length);
    i += escape.length;
  }
  return bytes.subarray(0, length);
}

/**
 * Finds the members of the JSON object that fills `bytes` (white space around it allowed).
 *
 * @returns null when it is no object, or no JSON as far as one needs to look: the inside of arrays,
 * objects and numbers is skipped, not checked
 */
export function readObject(bytes: Uint8Array): Member[] | null {
  const members: Member[] = [];
  let i = skipSpace(bytes, 0);
  if (bytes[i] !== OPEN_BRACE) return null;
  i = skipSpace(bytes, i + 1);
  if (bytes[i] === CLOSE_BRACE) return isEnd(bytes, i + 1) ? members : null;
  for (;;) {
    const member = readMember(bytes, i);
    if (member === null) return null;
    members.push(member);
    i = skipSpace(bytes, member.kind === "string" ? member.end + 1 : member.end);
    if (bytes[i] === CLOSE_BRACE) return isEnd(bytes, i + 1) ? members : null;
    if (bytes[i] !== COMMA) return null;
    i = skipSpace(bytes, i + 1);
  }
}

function readMember(bytes: Uint8Array, at: number): Member | null {
  const keyEnd = endOfString(bytes, at);
  if (keyEnd === null) return null;
  const colon = skipSpace(bytes, keyEnd + 1);
  if (bytes[colon] !== COLON) return null;
  const start = skipSpace(bytes, colon + 1);
  const key = { keyStart: at + 1, keyEnd };
  if (bytes[start] === QUOTE) {
    const end = endOfString(bytes, start);
    return end === null ? null : { ...key, kind: "string", start: start + 1, end };
  }
  const end = endOfOther(bytes, start);
  return end === null ? null : { ...key, kind: "other", start, end };
}

/** Offset of the closing quote of the string that opens at `at`. */
function endOfString(bytes: Uint8Array, at: number): number | null {
  if (bytes[at] !== QUOTE) return null;
  for (let i = at + 1; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === QUOTE) return i;
    if (byte < 0x20) return null;
    if (byte === BACKSLASH) i++;
  }
  return null;
}

/** Offset after a number, literal, array or object. */
function endOfOther(bytes: Uint8Array, at: number): number | null {
  if (isOpening(bytes[at] ?? 0)) return endOfNested(bytes, at);
  let i = at;
  while (i < bytes.length && !isDelimiter(bytes[i] ?? 0)) i++;
  return i > at ? i : null;
}

/** Offset after the array or object that opens at `at`: where its brackets are closed again. */
function endOfNested(bytes: Uint8Array, at: number): number | null {
  let depth = 0;
  for (let i = at; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === QUOTE) {
      const end = endOfString(bytes, i);
      if (end === null) return null;
      i = end;
    }
    if (isOpening(byte)) depth++;
    if (isClosing(byte) && --depth === 0) return i + 1;
  }
  return null;
}

function readEscape(text: Uint8Array, at: number): { codePoint: number; length: number } | null {
  const letter = text[at + 1] ?? 0;
  const short = SHORT_ESCAPES.get(letter);
  if (short !== undefined) return { codePoint: short, length: 2 };
  const unit = readUnit(text, at);
  if (unit === null || isLowSurrogate(unit)) return null;
  if (!isHighSurrogate(unit)) return { codePoint: unit, length: 6 };
  const low = readUnit(text, at + 6);
  if (low === null || !isLowSurrogate(low)) return null;
  return { codePoint: 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), length: 12 };
}

/** The UTF-16 code unit of the escape `\uXXXX` at `at`. */
function readUnit(text: Uint8Array, at: number): number | null {
  return text[at] === BACKSLASH && text[at + 1] === LETTER_U ? readHex(text, at + 2) : null;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** Four hex digits as a number. */
function readHex(text: Uint8Array, at: number): number | null {
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    // | 0x20 turns letters to lower case and leaves digits as they are
    const digit = HEX.indexOf((text[i] ?? 0) | 0x20);
    if (digit < 0 || (text[i] ?? 0) < 0x30) return null;
    value = value * 16 + digit;
  }
  return value;
}

/** Writes one code point and returns the offset after it; an escape is never shorter than that. */
function writeUtf8(codePoint: number, target: Uint8Array, at: number): number {
  if (codePoint < 0x80) {
    target[at] = codePoint;
    return at + 1;
  }
  const following = codePoint < 0x800 ? 1 : codePoint < 0x10000 ? 2 : 3;
  // the lead byte has as many high bits set as the sequence has bytes
  target[at] = ((0xff << (7 - following)) & 0xff) | (codePoint >> (6 * following));
  for (let i = 1; i <= following; i++) {
    target[at + i] = 0x80 | ((codePoint >> (6 * (following - i))) & 0x3f);
  }
  return at + following + 1;
}

function skipSpace(bytes: Uint8Array, at: number): number {
  let i = at;
  while (isSpace(bytes[i] ?? 0)) i++;
  return i;
}

function isEnd(bytes: Uint8Array, at: number): boolean {
  return skipSpace(bytes, at) === bytes.length;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function isDelimiter(byte: number): boolean {
  return byte === COMMA || isClosing(byte) || isSpace(byte);
}

function isOpening(byte: number): boolean {
  return byte === OPEN_BRACE || byte === 0x5b;
}

function isClosing(byte: number): boolean {
  return byte === CLOSE_BRACE || byte === 0x5d;
}
