import { BASE64_DIGITS, copyOf } from "./encode.ts";

/** Bodies of PEM blocks (RFC 7468): a private key leaks as much on one line as on many. */

const BEGIN = Buffer.from("-----BEGIN ");
const END = Buffer.from("-----END ");
const DASHES = Buffer.from("-----");
const PUBLIC = ["CERTIFICATE", "PUBLIC KEY", "PARAMETERS", "X509 CRL"].map((word) =>
  Buffer.from(word),
);

const COLON = 0x3a;
const BACKSLASH = 0x5c;
const PADDING = 0x3d;

const BASE64 = new Uint8Array(256);
for (const byte of BASE64_DIGITS) BASE64[byte] = 1;

/** True for the label of a block that anybody may have: certificates, public keys, parameters. */
export function isPublicLabel(boundary: Buffer): boolean {
  return PUBLIC.some((word) => boundary.includes(word));
}

/**
 * The base64 of every block that is not public, without white space, padding and headers. Blocks
 * in a JSON string, whose line breaks are `\n`, count too.
 *
 * @returns copies; the caller wipes them
 */
export function pemBodies(value: Buffer): Buffer[] {
  const bodies: Buffer[] = [];
  for (let at = value.indexOf(BEGIN); at >= 0; at = value.indexOf(BEGIN, at + 1)) {
    const label = at + BEGIN.length;
    const start = value.indexOf(DASHES, label);
    if (start < 0) break;
    if (isPublicLabel(value.subarray(label, start))) continue;
    const end = value.indexOf(END, start);
    bodies.push(bodyOf(value.subarray(start + DASHES.length, end < 0 ? value.length : end)));
  }
  return bodies;
}

/** Drops header lines (`DEK-Info: …`), and what follows the padding, such as PGP's checksum. */
function bodyOf(block: Buffer): Buffer {
  const out = Buffer.alloc(block.length);
  let length = 0;
  for (let at = startOfBody(block); at < block.length && block[at] !== PADDING; at++) {
    const byte = block[at] ?? 0;
    // \n and \r of a JSON string
    if (byte === BACKSLASH) at++;
    else if (BASE64[byte] === 1) out[length++] = byte;
  }
  const body = copyOf(out.subarray(0, length));
  out.fill(0);
  return body;
}

/** Behind the last header line. */
function startOfBody(block: Buffer): number {
  const colon = block.lastIndexOf(COLON);
  if (colon < 0) return 0;
  const newline = block.indexOf(0x0a, colon);
  const escaped = block.indexOf("\\n", colon);
  const ends = [newline, escaped].filter((end) => end >= 0);
  return ends.length === 0 ? 0 : Math.min(...ends);
}
