import { KeyStoreError, UnsealError, type Place } from "../errors.ts";
import { Secret } from "../secret/secret.ts";
import { decodeBase64Text, encodeBase64 } from "./base64.ts";
import { decodeEnvelope, encodeEnvelope, type Binding, type Envelope } from "./envelope.ts";
import { KEY_BYTES, parsePublicKey, type KeyPair, type PublicKey } from "./keypair.ts";
import { OVERHEAD, withOpener, type Opened } from "./opener.ts";
import { loadEngine, loadSodium, withHeap, type Sodium } from "./sodium.ts";
import { boundElsewhere, notOpened, refused, unbound, type Subject } from "./unseal-error.ts";

/** One sealed value to open. */
export interface SealedItem {
  /** The box: base64url; padding and the standard alphabet are read too. */
  readonly text: string;
  /** Where the value stands; app, scope and name inside the box must be the same. */
  readonly expect: Binding;
  /** The manifest's public key for that scope: tells a wrong key from a damaged value. */
  readonly publicKey?: string | undefined;
  /** Where the value is written, for errors. */
  readonly place?: Place | undefined;
}

/** How to open. */
export interface UnsealOptions {
  /** Refuse a box without an envelope, as any other tool makes it. Default: false. */
  readonly requireBound?: boolean | undefined;
  /** Where keys were looked for; the hint of UNSEAL_WRONG_KEY names them. */
  readonly keyPlaces?: readonly string[] | undefined;
}

/** One opened value. */
export interface Unsealed {
  /** Named after the value; the caller wipes it. */
  readonly secret: Secret;
  /** The key that opened it. */
  readonly key: KeyPair;
  /** False for a box without an envelope: nothing proves that it was sealed for this place. */
  readonly bound: boolean;
}

/**
 * Seals a value for one place: only the holder of the private key can read it, and only there.
 *
 * @param value - stays owned by the caller, not wiped here
 * @returns base64url without padding
 * @throws {@link KeyStoreError} KEY_INVALID for a public key that can't seal (an all-zero one)
 */
export async function seal(publicKey: PublicKey, binding: Binding, value: Secret): Promise<string> {
  const sodium = await loadSodium();
  const envelope = encodeEnvelope(binding, value);
  try {
    return encodeBase64(sealBytes(sodium, publicKey, envelope), "url").toString("latin1");
  } finally {
    envelope.fill(0);
  }
}

/**
 * Opens one sealed value. See {@link unsealAll}, which opens many in one go.
 *
 * @throws {@link UnsealError} as {@link unsealAll}
 */
export async function unseal(
  text: string,
  keys: readonly KeyPair[],
  expect: Binding,
  options: UnsealOptions & Pick<SealedItem, "publicKey" | "place"> = {},
): Promise<Unsealed> {
  const { publicKey, place } = options;
  const [opened] = await unsealAll([{ text, expect, publicKey, place }], keys, options);
  if (opened === undefined) throw new Error("one box in, none out");
  return opened;
}

/**
 * Opens many sealed values, all or none: about 0.15 ms of CPU for each box and tried key.
 *
 * @param keys - tried in their order, but the manifest's own key and the last one tried go first
 * @returns one result for each item, in the same order; the caller wipes the secrets
 * @throws {@link UnsealError} for the first that does not open, after wiping the others:
 * UNSEAL_BASE64, UNSEAL_TRUNCATED, UNSEAL_WRONG_KEY, UNSEAL_DAMAGED, UNSEAL_BOUND_ELSEWHERE,
 * UNSEAL_UNBOUND, UNSEAL_VERSION
 */
export async function unsealAll(
  items: readonly SealedItem[],
  keys: readonly KeyPair[],
  options: UnsealOptions = {},
): Promise<Unsealed[]> {
  if (items.length === 0) return [];
  const subjects = subjectsOf(items, keys, options);
  const boxes = subjects.map((subject) => decodeBox(subject));
  const largest = boxes.reduce((size, box) => Math.max(size, box.length), OVERHEAD);
  const sodium = await loadEngine();
  const opened: Unsealed[] = [];
  try {
    withOpener(sodium, keys, largest, (opener) => {
      for (const [i, subject] of subjects.entries()) {
        const box = boxes[i] ?? Buffer.alloc(0);
        const result = opener.open(box, subject.sealedFor?.text);
        if (result === null) throw notOpened(subject, box.length - OVERHEAD);
        opened.push(takeValue(result, subject, options));
      }
    });
    return opened;
  } catch (error) {
    for (const { secret } of opened) secret.wipe();
    throw error;
  }
}

function sealBytes(sodium: Sodium, key: PublicKey, envelope: Buffer): Uint8Array {
  const length = envelope.length + OVERHEAD;
  return withHeap(sodium, length + envelope.length + KEY_BYTES, (take) => {
    const [box, m, publicKey] = [take(length), take(envelope.length), take(KEY_BYTES)];
    sodium.heap.set(envelope, m);
    sodium.heap.set(key.bytes, publicKey);
    if (sodium.boxSeal({ box, m, length: envelope.length, publicKey }) !== 0) {
      throw new KeyStoreError("KEY_INVALID", `public key ${key.fingerprint} can't seal`, {
        hint: "make a key pair with `sealmount key new` and use its public key",
      });
    }
    return sodium.heap.slice(box, box + length);
  });
}

/** What an error about each item needs; a thousand items share a handful of public keys. */
function subjectsOf(
  items: readonly SealedItem[],
  keys: readonly KeyPair[],
  options: UnsealOptions,
): (Subject & SealedItem)[] {
  const known = keys.map((key) => key.publicKey);
  const parsed = new Map<string, PublicKey | undefined>();
  return items.map((item) => {
    const { publicKey = "" } = item;
    if (!parsed.has(publicKey)) parsed.set(publicKey, parsePublicKey(publicKey) ?? undefined);
    const sealedFor = parsed.get(publicKey);
    return { ...item, place: item.place, known, sealedFor, keyPlaces: options.keyPlaces ?? [] };
  });
}

function decodeBox(subject: Subject & SealedItem): Buffer {
  const box = decodeBase64Text(subject.text);
  const hint = "was it copied whole? copy it again, or seal the value again";
  if (box === null) throw refused(subject, "UNSEAL_BASE64", "is not valid base64url", hint);
  if (box.length < OVERHEAD) {
    const message = `is cut short: a sealed value has at least ${OVERHEAD} bytes, this one ${box.length}`;
    throw refused(subject, "UNSEAL_TRUNCATED", message, hint);
  }
  return box;
}

function takeValue(opened: Opened, subject: Subject, options: UnsealOptions): Unsealed {
  const { plaintext, key } = opened;
  try {
    const envelope = readEnvelope(plaintext, subject);
    if (envelope === null && options.requireBound === true) throw unbound(subject);
    const value = envelope === null ? plaintext : checkedValue(envelope, subject);
    return { secret: Secret.take(subject.expect.name, value), key, bound: envelope !== null };
  } finally {
    plaintext.fill(0);
  }
}

function checkedValue({ binding, value }: Envelope, subject: Subject): Buffer {
  const { app, scope, name } = subject.expect;
  if (binding.app === app && binding.scope === scope && binding.name === name) return value;
  value.fill(0);
  throw boundElsewhere(subject, binding);
}

/** Gives the errors of {@link decodeEnvelope}, which knows no place, their subject. */
function readEnvelope(plaintext: Buffer, subject: Subject): Envelope | null {
  try {
    return decodeEnvelope(plaintext);
  } catch (error) {
    if (!(error instanceof UnsealError)) throw error;
    throw refused(subject, error.code, error.message, error.hint);
  }
}
