/**
 * The protocol buffer wire format, as little of it as BuildKit's session and progress need:
 * varints, length-delimited fields, and skipping of whatever a newer engine adds.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */

/** Bytes that are no protocol buffer message. Says where, never what. */
export class WireError extends Error {}

/** One field of a message. */
export interface Field {
  readonly number: number;
  /** A number for varints, a view into the message for everything else. */
  readonly value: number | Buffer;
}

/** A field to write: number, then value. Undefined is left out, as proto3 leaves out defaults. */
export type FieldToWrite = readonly [number, number | string | Buffer | undefined];

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * Reads a message field by field, in wire order; fields may repeat.
 *
 * Varints above 2^53 are read as signed 64-bit numbers (so that -1 reads as -1), with the loss of
 * precision that a JavaScript number has there.
 *
 * @throws {@link WireError} when the message is cut off or uses groups
 */
export function* readFields(bytes: Buffer): Generator<Field> {
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    // not `& 7` and `>>> 3`: a tag may have 32 bits, which those would read as signed
    const number = Math.floor(tag.value / 8);
    const field = readValue(bytes, tag.end, tag.value % 8);
    at = field.end;
    yield { number, value: field.value };
  }
}

/** Text of a length-delimited field; empty for a varint. */
export function textOf(value: number | Buffer): string {
  return typeof value === "number" ? "" : value.toString("utf8");
}

/** Bytes of a length-delimited field; empty for a varint. */
export function bytesOf(value: number | Buffer): Buffer {
  return typeof value === "number" ? Buffer.alloc(0) : value;
}

/** Number of a varint field; 0 for anything else. */
export function numberOf(value: number | Buffer): number {
  return typeof value === "number" ? value : 0;
}

/** Writes a message. Numbers are unsigned varints, 0 to 2^53. */
export function writeFields(fields: readonly FieldToWrite[]): Buffer {
  const parts: Buffer[] = [];
  for (const [number, value] of fields) {
    if (value === undefined) continue;
    if (typeof value === "number") {
      parts.push(writeVarint(number * 8 + VARINT), writeVarint(value));
    } else {
      const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : value;
      parts.push(writeVarint(number * 8 + BYTES), writeVarint(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

/** A varint: seven bits a byte, lowest first. */
export function writeVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  // division, because bit operators stop at 32 bits
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

interface Read<T> {
  readonly value: T;
  readonly end: number;
}

function readValue(bytes: Buffer, at: number, type: number): Read<number | Buffer> {
  switch (type) {
    case VARINT:
      return readVarint(bytes, at);
    case BYTES: {
      const length = readVarint(bytes, at);
      return slice(bytes, length.end, length.value);
    }
    case FIXED64:
      return slice(bytes, at, 8);
    case FIXED32:
      return slice(bytes, at, 4);
    default:
      throw new WireError(`wire type ${type} at byte ${at}`);
  }
}

/** Checks the length before anything is made of it: a hostile one can be 2^63. */
function slice(bytes: Buffer, at: number, length: number): Read<Buffer> {
  if (length < 0 || length > bytes.length - at) throw new WireError(`cut off at byte ${at}`);
  return { value: bytes.subarray(at, at + length), end: at + length };
}

function readVarint(bytes: Buffer, start: number): Read<number> {
  let value = 0;
  let scale = 1;
  for (let at = start; at < start + 10; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) throw new WireError(`cut off at byte ${at}`);
    value += (byte % 0x80) * scale;
    scale *= 0x80;
    if (byte < 0x80) {
      const end = at + 1;
      return { value: Number.isSafeInteger(value) ? value : readWide(bytes, start, end), end };
    }
  }
  throw new WireError(`varint over 10 bytes at byte ${start}`);
}

function readWide(bytes: Buffer, start: number, end: number): number {
  let value = 0n;
  for (let at = end - 1; at >= start; at -= 1) {
    value = value * 128n + BigInt(bytes.readUInt8(at) % 0x80);
  }
  return Number(BigInt.asIntN(64, value));
}
