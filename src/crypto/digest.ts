/**
 * Keyed digests of values: they tell whether a value has changed, to nobody but the holders of the
 * private key. A bare hash would let anybody who sees it try guesses; whoever could compute this one
 * for a guess can open the value itself. And macs of texts, which nobody but those holders can make.
 */
import { createHmac, type Hmac, hkdfSync } from "node:crypto";

import { Secret } from "../secret/secret.ts";

/** What a key is for: two purposes share no digest. */
export type DigestPurpose = "secret-cache" | "run" | "labels";

const KEY_BYTES = 32;
/** Of the HMAC: 128 bits, so that no two values meet by chance. */
const DIGEST_BYTES = 16;

/**
 * The key of one purpose's digests.
 *
 * @param privateKey - of the app, a key that was derived from it, or 32 random bytes where there is
 *   none; stays the caller's
 * @returns a key from which the private one can't be found; the caller wipes it
 */
export function digestKey(privateKey: Secret, purpose: DigestPurpose): Secret {
  return privateKey.use((bytes) => {
    const key = hkdfSync("sha256", bytes, "", `sealmount/${purpose}/v1`, KEY_BYTES);
    return Secret.take(`${purpose} digest key`, new Uint8Array(key));
  });
}

/**
 * The digest of named values: of the names, of the values, and of which are absent. Equal values of
 * two names have different digests.
 *
 * @returns 32 hexadecimal digits
 */
export function digestOf(key: Secret, values: ReadonlyMap<string, Secret | null>): string {
  return key.use((keyBytes) => {
    const hmac = createHmac("sha256", keyBytes);
    for (const [name, value] of sorted(values)) {
      if (value === null) add(hmac, name, null);
      else value.use((bytes) => add(hmac, name, bytes));
    }
    return hmac.digest().subarray(0, DIGEST_BYTES).toString("hex");
  });
}

/**
 * HMAC-SHA-256 of named texts: of the names, of the texts, and of which are absent.
 *
 * @returns 32 bytes
 */
export function macOf(key: Secret, texts: ReadonlyMap<string, string | null>): Buffer {
  return key.use((keyBytes) => {
    const hmac = createHmac("sha256", keyBytes);
    for (const [name, text] of sorted(texts))
      add(hmac, name, text === null ? null : Buffer.from(text));
    return hmac.digest();
  });
}

function sorted<T>(values: ReadonlyMap<string, T>): (readonly [string, T])[] {
  return [...values].toSorted(([one], [other]) => (one < other ? -1 : 1));
}

/** With lengths before them, no two lists of names and values are the same bytes. */
function add(hmac: Hmac, name: string, value: Buffer | null): void {
  hmac.update(lengthOf(Buffer.byteLength(name))).update(name);
  if (value === null) hmac.update("absent");
  else hmac.update("value").update(lengthOf(value.length)).update(value);
}

function lengthOf(bytes: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes);
  return length;
}
