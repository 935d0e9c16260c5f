/** Tokens of parts in base64url: JWS has three (RFC 7515), JWE five (RFC 7516). */
import { BASE64URL_DIGITS } from "./encode.ts";

const DOT = 0x2e;
/** `{"` in base64: every header begins so. */
const HEADER = Buffer.from("eyJ");
const COUNTS = [3, 5];

const BASE64URL = new Uint8Array(256);
for (const byte of BASE64URL_DIGITS) BASE64URL[byte] = 1;

/**
 * The parts of a token that are secret by themselves, as views into the value: all but the header,
 * which the tokens of many issuers share.
 */
export function jwtParts(value: Buffer): Buffer[] {
  if (!value.subarray(0, HEADER.length).equals(HEADER)) return [];
  const parts: Buffer[] = [];
  let start = 0;
  for (let at = 0; at <= value.length; at++) {
    const byte = value[at] ?? DOT;
    if (byte !== DOT) {
      if (BASE64URL[byte] !== 1) return [];
      continue;
    }
    parts.push(value.subarray(start, at));
    start = at + 1;
  }
  return COUNTS.includes(parts.length) ? parts.slice(1) : [];
}
