import { isPublicLabel } from "./pem.ts";
import { publicLines } from "./public-half.ts";

/**
 * Lines of a multi-line secret that are worth looking for alone: a private key leaks as much when
 * its lines are indented, joined or shortened.
 */

const NEWLINE = 0x0a;
const WHITE_SPACE = new Set([0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d]);

/** Start of every OpenSSH key body: the first line is the same for all keys of one kind. */
const OPENSSH_MAGIC = Buffer.from("b3BlbnNzaC1rZXktdjE");
const PEM_BEGIN = Buffer.from("-----BEGIN ");
const PEM_DASHES = Buffer.from("-----");

/** A run of key material is at least this long: shorter ones are words and numbers. */
const KEY_RUN = 16;

/** A view without white space at both ends. */
export function trimmed(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && WHITE_SPACE.has(bytes[start] ?? 0)) start++;
  while (end > start && WHITE_SPACE.has(bytes[end - 1] ?? 0)) end--;
  return bytes.subarray(start, end);
}

/**
 * The lines that are secret by themselves, as views into the value.
 *
 * Left out, since they are the same in many files or public: PEM boundaries, bodies of
 * certificates and public keys (a TLS bundle holds both), the fixed first line of OpenSSH keys.
 *
 * @param onlyKeyMaterial - leave out what stands in files that leak nothing too: lines without a long
 *   run of key-like characters, such as `"type": "service_account",`, and the public half of keys
 */
export function secretLines(value: Buffer, onlyKeyMaterial: boolean): Buffer[] {
  const found: Buffer[] = [];
  const lines = [...splitLines(value)];
  const isPublic = onlyKeyMaterial ? publicLines(lines) : undefined;
  let publicBlock = false;
  for (const line of lines) {
    if (startsWith(line, PEM_DASHES)) {
      publicBlock = startsWith(line, PEM_BEGIN) && isPublicLabel(line);
      continue;
    }
    if (publicBlock || startsWith(line, OPENSSH_MAGIC)) continue;
    if (isPublic === undefined || (!isPublic.has(line) && hasKeyMaterial(line))) found.push(line);
  }
  return found;
}

/** The value with one kind of line ending: a checkout or a terminal may have changed it. */
export function withLineEndings(value: Buffer, ending: "\n" | "\r\n"): Buffer {
  const lines = [...rawLines(value)];
  const text = Buffer.from(ending);
  const length = lines.reduce((sum, line) => sum + line.length, 0);
  const out = Buffer.alloc(length + (lines.length - 1) * text.length);
  let at = 0;
  for (const [i, line] of lines.entries()) {
    if (i > 0) at += text.copy(out, at);
    at += line.copy(out, at);
  }
  return out;
}

function* splitLines(value: Buffer): Generator<Buffer> {
  for (const line of rawLines(value)) yield trimmed(line);
}

/** Lines without their `\n` or `\r\n`. */
function* rawLines(value: Buffer): Generator<Buffer> {
  let start = 0;
  for (;;) {
    const newline = value.indexOf(NEWLINE, start);
    if (newline < 0) break;
    yield value.subarray(start, value[newline - 1] === 0x0d ? newline - 1 : newline);
    start = newline + 1;
  }
  yield value.subarray(start);
}

function startsWith(line: Buffer, prefix: Buffer): boolean {
  return line.subarray(0, prefix.length).equals(prefix);
}

/** True when a run of base64 or hexadecimal characters mixes digits with letters as keys do. */
function hasKeyMaterial(line: Buffer): boolean {
  let run = 0;
  let kinds = 0;
  for (const byte of line) {
    const kind = KINDS[byte] ?? 0;
    run = kind === 0 ? 0 : run + 1;
    kinds = kind === 0 ? 0 : kinds | kind;
    if (run >= KEY_RUN && isMixed(kinds)) return true;
  }
  return false;
}

const LOWER = 1;
const UPPER = 2;
const DIGIT = 4;
const OTHER = 8;
const NOT_HEX = 16;

/** All three kinds of base64; or hexadecimal, where one case of the letters is enough. */
function isMixed(kinds: number): boolean {
  const base64 = LOWER | UPPER | DIGIT;
  const hexLetters = (kinds & (LOWER | UPPER)) !== 0 && (kinds & (NOT_HEX | OTHER)) === 0;
  return (kinds & base64) === base64 || (hexLetters && (kinds & DIGIT) !== 0);
}

/** What each byte tells; 0 for one that neither base64 alphabet has. */
const KINDS = new Uint8Array(256);
const KIND_OF_CHARACTERS: readonly (readonly [string, number])[] = [
  ["0123456789", DIGIT],
  ["abcdef", LOWER],
  ["ghijklmnopqrstuvwxyz", LOWER | NOT_HEX],
  ["ABCDEF", UPPER],
  ["GHIJKLMNOPQRSTUVWXYZ", UPPER | NOT_HEX],
  ["+/-_", OTHER],
];
for (const [characters, kind] of KIND_OF_CHARACTERS) {
  for (const byte of Buffer.from(characters)) KINDS[byte] = kind;
}
