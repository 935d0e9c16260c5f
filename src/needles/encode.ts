import type { EscapeTable } from "./escape-table.ts";

/**
 * Byte-level encoders. They go from Buffer to Buffer and never through a string: a JavaScript
 * string can't be overwritten, and encodings of a secret are as secret as the secret.
 * Every result has memory of its own; the caller wipes it.
 */

/** The digits of base64, in the order of their values. */
export const BASE64_DIGITS = Buffer.from(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
);
/** The same for URLs and file names: RFC 4648, section 5. */
export const BASE64URL_DIGITS = Buffer.from(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
);
const BASE32 = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
const HEX = { lower: Buffer.from("0123456789abcdef"), upper: Buffer.from("0123456789ABCDEF") };

/** Bytes of the text before the value inside one group of three: any base64 text fits one. */
export const BASE64_ALIGNMENTS = [0, 1, 2] as const;

/** The same for base32, whose groups have five bytes. */
export const BASE32_ALIGNMENTS = [0, 1, 2, 3, 4] as const;

/** Options of {@link base64Inside}. */
export interface Base64Options {
  readonly alignment: (typeof BASE64_ALIGNMENTS)[number];
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
  const alphabet = o.alphabet === "base64" ? BASE64_DIGITS : BASE64URL_DIGITS;
  return inside(bytes, { ...o, alphabet, bits: 6 });
}

/** Base64 of the value alone, with its padding. */
export function base64Whole(bytes: Buffer, alphabet: Base64Options["alphabet"]): Buffer {
  const unpadded = base64Inside(bytes, { alignment: 0, alphabet, keepEnd: true });
  const out = Buffer.alloc(Math.ceil(bytes.length / 3) * 4, "=");
  unpadded.copy(out);
  unpadded.fill(0);
  return out;
}

/** Options of {@link base32Inside}; as those of {@link base64Inside}. */
export interface Base32Options {
  readonly alignment: (typeof BASE32_ALIGNMENTS)[number];
  readonly keepEnd?: boolean;
}

/** The base32 characters that depend on the value alone (RFC 4648, section 6). */
export function base32Inside(bytes: Buffer, o: Base32Options): Buffer {
  return inside(bytes, { ...o, alphabet: BASE32, bits: 5 });
}

/** Whether the value's last bits fill a character of `bits` bits, after so many bytes. */
export function endsWhole(length: number, alignment: number, bits: 5 | 6): boolean {
  return ((alignment + length) * 8) % bits === 0;
}

/** Two hexadecimal digits a byte. */
export function hex(bytes: Buffer, letters: "lower" | "upper"): Buffer {
  const digits = HEX[letters];
  const out = Buffer.alloc(bytes.length * 2);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    out[i * 2] = digits[byte >> 4] ?? 0;
    out[i * 2 + 1] = digits[byte & 15] ?? 0;
  }
  return out;
}

/** Replaces bytes by their entry in the table. */
export function escape(bytes: Buffer, table: EscapeTable): Buffer {
  let length = 0;
  for (const byte of bytes) length += table.of(byte)?.length ?? 1;
  const out = Buffer.alloc(length);
  let at = 0;
  for (const byte of bytes) {
    const replacement = table.of(byte);
    if (replacement === undefined) out[at++] = byte;
    else at += replacement.copy(out, at);
  }
  return out;
}

/** A copy in memory of its own: Buffer.from and Buffer.concat would use Node's shared pool. */
export function copyOf(bytes: Buffer): Buffer {
  const out = Buffer.alloc(bytes.length);
  bytes.copy(out);
  return out;
}

interface InsideOptions {
  /** Bytes before the value in its group. */
  readonly alignment: number;
  readonly keepEnd?: boolean;
  readonly alphabet: Buffer;
  /** Of one character. */
  readonly bits: 5 | 6;
}

function inside(bytes: Buffer, { alignment, keepEnd, alphabet, bits }: InsideOptions): Buffer {
  const bitsBefore = alignment * 8;
  const first = Math.ceil(bitsBefore / bits);
  const end = (bitsBefore + bytes.length * 8) / bits;
  const last = keepEnd === true ? Math.ceil(end) : Math.floor(end);
  const out = Buffer.alloc(Math.max(0, last - first));
  const mask = (1 << bits) - 1;
  let bit = first * bits - bitsBefore;
  for (let i = 0; i < out.length; i++) {
    const at = bit >> 3;
    // zeros after the end
    const pair = ((bytes[at] ?? 0) << 8) | (at + 1 < bytes.length ? (bytes[at + 1] ?? 0) : 0);
    out[i] = alphabet[(pair >> (16 - bits - (bit & 7))) & mask] ?? 0;
    bit += bits;
  }
  return out;
}
