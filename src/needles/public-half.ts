/**
 * The public half of a private key stands in it too, and some lines hold nothing else: they are also
 * in the public key, and in certificates on one line, which leak nothing.
 */
import { BASE64_DIGITS } from "./encode.ts";

const DASH = 0x2d;

const DIGITS = new Int8Array(256).fill(-1);
for (const [value, byte] of BASE64_DIGITS.entries()) DIGITS[byte] = value;

/**
 * The lines of PEM blocks that hold nothing but a piece of the public half of a key of RSA or of an
 * elliptic curve (PKCS #1, SEC 1, and both in PKCS #8). None of those of encrypted keys.
 *
 * @param lines - of a value, without white space at their ends
 * @returns some of them
 */
export function publicLines(lines: readonly Buffer[]): ReadonlySet<Buffer> {
  const found = new Set<Buffer>();
  let block: Buffer[] = [];
  for (const line of lines) {
    if (line[0] !== DASH) block.push(line);
    else {
      for (const each of publicIn(block)) found.add(each);
      block = [];
    }
  }
  return found;
}

function publicIn(block: readonly Buffer[]): Buffer[] {
  const der = decoded(block);
  const half = publicHalf(der);
  const isLast = half?.end === der.length;
  der.fill(0);
  if (half === null) return [];
  const first = Math.ceil((half.start * 8) / 6);
  const end = isLast ? Infinity : Math.floor((half.end * 8) / 6);
  let at = 0;
  return block.filter((line) => {
    const start = at;
    at += digitsOf(line);
    return start >= first && at <= end;
  });
}

function digitsOf(line: Buffer): number {
  return line.reduce((count, byte) => (isDigit(byte) ? count + 1 : count), 0);
}

function isDigit(byte: number): boolean {
  return (DIGITS[byte] ?? -1) >= 0;
}

/** The bytes of base64 in lines; the caller wipes them. */
function decoded(block: readonly Buffer[]): Buffer {
  const digits = block.reduce((sum, line) => sum + digitsOf(line), 0);
  const out = Buffer.alloc(Math.floor((digits * 6) / 8));
  let [at, bits, count] = [0, 0, 0];
  for (const line of block) {
    for (const byte of line) {
      if (!isDigit(byte)) continue;
      bits = ((bits << 6) | (DIGITS[byte] ?? 0)) & 0xfff;
      count += 6;
      if (count < 8) continue;
      count -= 8;
      out[at++] = bits >> count;
    }
  }
  return out;
}

/** DER (X.690, 8.1 and 10.1): a tag, a length, the content. */
interface Field {
  readonly tag: number;
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

const INTEGER = 0x02;
const OCTETS = 0x04;
const SEQUENCE = 0x30;
/** Of a public key in SEC 1. */
const POINT = 0xa1;

/** Where the public half begins and ends; null when there is none that is known. */
function publicHalf(der: Buffer): Pick<Field, "start" | "end"> | null {
  const fields = sequenceIn(der, { content: 0, end: der.length });
  const [, second, third] = fields;
  // PKCS #8: algorithm and key behind the version
  const isWrapped = second?.tag === SEQUENCE && third?.tag === OCTETS;
  return halfOf(isWrapped ? sequenceIn(der, third) : fields);
}

function halfOf(fields: readonly Field[]): Pick<Field, "start" | "end"> | null {
  const [, second, third] = fields;
  // PKCS #1: modulus and exponent behind the version
  if (second?.tag === INTEGER && third?.tag === INTEGER) {
    return { start: second.start, end: third.end };
  }
  const point = second?.tag === OCTETS ? fields.find(({ tag }) => tag === POINT) : undefined;
  return point === undefined ? null : { start: point.content, end: point.end };
}

function sequenceIn(der: Buffer, place: Pick<Field, "content" | "end">): Field[] {
  const [key] = fieldsIn(der, place);
  return key?.tag === SEQUENCE ? fieldsIn(der, key) : [];
}

/** None when they are broken. */
function fieldsIn(der: Buffer, { content, end }: Pick<Field, "content" | "end">): Field[] {
  const fields: Field[] = [];
  for (let at = content; at < end;) {
    const field = fieldAt(der, at);
    if (field.end > end || field.content > end) return [];
    fields.push(field);
    at = field.end;
  }
  return fields;
}

function fieldAt(der: Buffer, start: number): Field {
  const tag = der[start] ?? 0;
  let length = der[start + 1] ?? 0;
  let content = start + 2;
  if (length >= 0x80) {
    const size = length & 0x7f;
    length = 0;
    for (let i = 0; i < size; i++) length = length * 256 + (der[content++] ?? 0);
  }
  return { tag, start, content, end: content + length };
}
