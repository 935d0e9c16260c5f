/**
 * Byte-level encoders. They go from Buffer to Buffer and never through a string: a JavaScript
 * string can't be overwritten, and encodings of a secret are as secret as the secret.
 * Every result has memory of its own; the caller wipes it.
 */

const STANDARD = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const URL_SAFE = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
const HEX = { lower: Buffer.from("0123456789abcdef"), upper: Buffer.from("0123456789ABCDEF") };

/** Bytes of the value that come before it inside one group of three: any encoded text fits one. */
export const ALIGNMENTS = [0, 1, 2] as const;

/** Options of {@link base64Inside}. */
export interface Base64Options {
  readonly alignment: (typeof ALIGNMENTS)[number];
  readonly alphabet: "base64" | "base64url";
  /** Keep the last, partial character: right only where the value ends the encoded text. */
  readonly keepEnd?: boolean;
}

/**
 * The base64 characters that depend on the value alone, wherever it stands in a longer text that
 * was encoded as a whole: characters shared with the bytes before or after it, and the padding,
 * are dropped (RFC 4648, sections 4 and 5).
 */
export function base64Inside(bytes: Buffer, o: Base64Options): Buffer {
  const alphabet = o.alphabet === "base64" ? STANDARD : URL_SAFE;
  const bitsBefore = o.alignment * 8;
  const first = Math.ceil(bitsBefore / 6);
  const bitsEnd = (bitsBefore + bytes.length * 8) / 6;
  const end = o.keepEnd === true ? Math.ceil(bitsEnd) : Math.floor(bitsEnd);
  const out = Buffer.alloc(Math.max(0, end - first));
  for (let i = 0; i < out.length; i++) {
    out[i] = alphabet[sextet(bytes, (first + i) * 6 - bitsBefore)] ?? 0;
  }
  return out;
}

/** Two hexadecimal digits a byte. */
export function hex(bytes: Buffer, letters: "lower" | "upper"): Buffer {
  const digits = HEX[letters];
  const out = Buffer.alloc(bytes.length * 2);
  for (const [i, byte] of bytes.entries()) {
    out[i * 2] = digits[byte >> 4] ?? 0;
    out[i * 2 + 1] = digits[byte & 15] ?? 0;
  }
  return out;
}

/** What replaces each of the 256 byte values; a byte without an entry stays as it is. */
export type EscapeTable = readonly (Buffer | undefined)[];

/** Replaces bytes by their entry in the table. */
export function escape(bytes: Buffer, table: EscapeTable): Buffer {
  let length = 0;
  for (const byte of bytes) length += table[byte]?.length ?? 1;
  const out = Buffer.alloc(length);
  let at = 0;
  for (const byte of bytes) {
    const replacement = table[byte];
    if (replacement === undefined) out[at++] = byte;
    else at += replacement.copy(out, at);
  }
  return out;
}

/**
 * The JSON form in which only ASCII is left: `\uXXXX` for every other UTF-16 unit, as the
 * standard encoders of Python and PHP write it.
 *
 * @param bytes - JSON-escaped UTF-8, as {@link escape} gives it with a JSON table
 * @returns null when the bytes are no UTF-8
 */
export function asciiJson(bytes: Buffer): Buffer | null {
  const scratch = Buffer.alloc(bytes.length * 6);
  try {
    let at = 0;
    for (let i = 0; i < bytes.length;) {
      const point = codePoint(bytes, i);
      if (point === null) return null;
      at = writeUnits(scratch, at, point.value);
      i += point.length;
    }
    const out = Buffer.alloc(at);
    scratch.copy(out, 0, 0, at);
    return out;
  } finally {
    scratch.fill(0);
  }
}

/** The six bits that begin at bit number `bit`; zeros after the end. */
function sextet(bytes: Buffer, bit: number): number {
  const index = bit >> 3;
  const pair = ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  return (pair >> (10 - (bit & 7))) & 63;
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

function writeUnits(out: Buffer, at: number, point: number): number {
  if (point < 0x80) return out.writeUInt8(point, at);
  if (point < 0x10000) return writeUnit(out, at, point);
  const high = 0xd800 + ((point - 0x10000) >> 10);
  const low = 0xdc00 + ((point - 0x10000) & 0x3ff);
  return writeUnit(out, writeUnit(out, at, high), low);
}

function writeUnit(out: Buffer, at: number, unit: number): number {
  out[at] = 0x5c;
  out[at + 1] = 0x75;
  for (let i = 0; i < 4; i++) out[at + 2 + i] = HEX.lower[(unit >> (12 - 4 * i)) & 15] ?? 0;
  return at + 6;
}
