/** Forms that depend on characters, not on bytes: UTF-16, and text of which only ASCII is left. */

const HEX_DIGITS = {
  lower: Buffer.from("0123456789abcdef"),
  upper: Buffer.from("0123456789ABCDEF"),
};

/** How {@link asciiOnly} writes a character beyond ASCII: `\u00fc`, `\u00FC`, `&#252;`. */
export type AsciiStyle = "json-lower" | "json-upper" | "html";

/** Longest text of one character, by the bytes it has in UTF-8: `\ud83d\ude00` for four. */
const LONGEST = 6;

/**
 * The form in which only ASCII is left, as many encoders write it.
 *
 * @param bytes - UTF-8, otherwise escaped already
 * @returns null when the bytes are no UTF-8
 */
export function asciiOnly(bytes: Buffer, style: AsciiStyle): Buffer | null {
  return transcribe(bytes, LONGEST, (out, at, point) => {
    if (point < 0x80) return out.writeUInt8(point, at);
    if (style === "html") return writeReference(out, at, point);
    const digits = HEX_DIGITS[style === "json-lower" ? "lower" : "upper"];
    return eachUnit(point, at, (unit, next) => writeEscape(out, next, { unit, digits }));
  });
}

/**
 * UTF-16 of UTF-8 bytes, without a byte order mark.
 *
 * @returns null when the bytes are no UTF-8
 */
export function utf16(bytes: Buffer, order: "little" | "big"): Buffer | null {
  const write = (out: Buffer, unit: number, at: number): number =>
    order === "little" ? out.writeUInt16LE(unit, at) : out.writeUInt16BE(unit, at);
  return transcribe(bytes, 2, (out, at, point) =>
    eachUnit(point, at, (unit, next) => write(out, unit, next)),
  );
}

/** UTF-16 of ASCII, from the first character to the last: the same in both byte orders. */
export function asciiInUtf16(bytes: Buffer): Buffer {
  const out = Buffer.alloc(Math.max(0, bytes.length * 2 - 1));
  for (let i = 0; i < bytes.length; i++) out[i * 2] = bytes[i] ?? 0;
  return out;
}

/** True when every byte is ASCII. */
export function isAscii(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte >= 0x80) return false;
  return true;
}

/** Writes one character, and returns the offset after it. */
type PointWriter = (out: Buffer, at: number, point: number) => number;

/** @param longest - bytes that are written at most for one byte that is read */
function transcribe(bytes: Buffer, longest: number, write: PointWriter): Buffer | null {
  const scratch = Buffer.alloc(bytes.length * longest);
  try {
    let at = 0;
    for (let i = 0; i < bytes.length;) {
      const point = codePoint(bytes, i);
      if (point === null) return null;
      at = write(scratch, at, point.value);
      i += point.length;
    }
    const out = Buffer.alloc(at);
    scratch.copy(out, 0, 0, at);
    return out;
  } finally {
    scratch.fill(0);
  }
}

function codePoint(bytes: Buffer, at: number): { value: number; length: number } | null {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return { value: first, length: 1 };
  const length = sequenceLength(first);
  let value = first & (0x7f >> length);
  for (let i = 1; i < length; i++) {
    const next = bytes[at + i] ?? 0;
    if ((next & 0xc0) !== 0x80) return null;
    value = (value << 6) | (next & 0x3f);
  }
  return length === 0 ? null : { value, length };
}

/** Bytes of a UTF-8 sequence by its first one (RFC 3629); 0 when none begins like that. */
function sequenceLength(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first >= 0xf0) return 4;
  return first >= 0xe0 ? 3 : 2;
}

/** One unit of UTF-16, or the two of a pair of surrogates. */
function eachUnit(point: number, at: number, write: (unit: number, at: number) => number): number {
  if (point < 0x10000) return write(point, at);
  const rest = point - 0x10000;
  return write(0xdc00 + (rest & 0x3ff), write(0xd800 + (rest >> 10), at));
}

function writeEscape(
  out: Buffer,
  at: number,
  { unit, digits }: { readonly unit: number; readonly digits: Buffer },
): number {
  out[at] = 0x5c;
  out[at + 1] = 0x75;
  for (let i = 0; i < 4; i++) out[at + 2 + i] = digits[(unit >> (12 - 4 * i)) & 15] ?? 0;
  return at + 6;
}

/** `&#252;`; digits are written backwards. */
function writeReference(out: Buffer, at: number, point: number): number {
  let length = 1;
  for (let rest = point; rest >= 10; rest = Math.floor(rest / 10)) length++;
  out[at] = 0x26;
  out[at + 1] = 0x23;
  for (let i = length, rest = point; i > 0; i--, rest = Math.floor(rest / 10)) {
    out[at + 1 + i] = 0x30 + (rest % 10);
  }
  return out.writeUInt8(0x3b, at + 2 + length);
}
