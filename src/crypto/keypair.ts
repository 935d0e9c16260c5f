import process from "node:process";
import { Secret } from "../secret/secret.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { loadEngine, loadSodium, withHeap, type SodiumEngine } from "./sodium.ts";

/** Bytes of an X25519 key, private or public (crypto_box_PUBLICKEYBYTES, crypto_box_SECRETKEYBYTES). */
export const KEY_BYTES = 32;
const PUBLIC_PREFIX = "smp1_";
const PRIVATE_PREFIX = "smk1_";
/** No text of a key is longer: prefix, 44 characters of base64 with padding, and some room. */
const MAX_KEY_TEXT = 64;

/** The half of a key pair that seals; safe to publish and to commit. */
export interface PublicKey {
  /** 32 bytes. */
  readonly bytes: Uint8Array;
  /** `smp1_` and base64url. */
  readonly text: string;
  /** 16 hex digits, see {@link fingerprintOf}. */
  readonly fingerprint: string;
}

/** A public key with its private half, which opens what was sealed to it. */
export interface KeyPair {
  readonly publicKey: PublicKey;
  /** 32 bytes; whoever holds the pair wipes it. */
  readonly privateKey: Secret;
}

/** Makes a new X25519 key pair from the system's random source. */
export async function newKeyPair(): Promise<KeyPair> {
  const sodium = await loadSodium();
  return withHeap(sodium, 2 * KEY_BYTES, (take) => {
    const [publicKey, privateKey] = [take(KEY_BYTES), take(KEY_BYTES)];
    if (sodium.keypair(publicKey, privateKey) !== 0) throw new Error("no key pair");
    return takePair(sodium, publicKey, privateKey);
  });
}

/**
 * Reads a public key: `smp1_…`, or 32 raw bytes in base64 of either alphabet.
 *
 * @returns null when the text is no public key
 */
export function parsePublicKey(text: string): PublicKey | null {
  if (text.length > MAX_KEY_TEXT) return null;
  const body = text.startsWith(PUBLIC_PREFIX) ? text.slice(PUBLIC_PREFIX.length) : text;
  const bytes = decodeBase64(Buffer.from(body));
  return bytes?.length === KEY_BYTES ? publicKeyOf(bytes) : null;
}

/**
 * Reads a private key and derives its public half: `smk1_…`, or 32 raw bytes in base64 of either
 * alphabet. White space around it is ignored.
 *
 * @param text - stays owned by the caller, not wiped here
 * @returns null when the text is no private key; otherwise the caller wipes `privateKey`
 */
export async function parsePrivateKey(text: Secret): Promise<KeyPair | null> {
  const bytes = text.use(privateKeyBytes);
  if (bytes === null) return null;
  try {
    const sodium = await loadEngine();
    return withHeap(sodium, 2 * KEY_BYTES, (take) => {
      const [publicKey, privateKey] = [take(KEY_BYTES), take(KEY_BYTES)];
      sodium.heap.set(bytes, privateKey);
      sodium.scalarmultBase(publicKey, privateKey);
      return takePair(sodium, publicKey, privateKey);
    });
  } finally {
    bytes.fill(0);
  }
}

/** The text form of a private key, `smk1_` and base64url, as a Secret that the caller wipes. */
export function formatPrivateKey(privateKey: Secret): Secret {
  return privateKey.use((bytes) => {
    const body = encodeBase64(bytes, "url");
    const text = Buffer.alloc(PRIVATE_PREFIX.length + body.length);
    text.write(PRIVATE_PREFIX, "latin1");
    text.set(body, PRIVATE_PREFIX.length);
    body.fill(0);
    return Secret.take(privateKey.name, text);
  });
}

/**
 * The short name of a key in errors, `ls` and `audit`: the first 8 bytes of BLAKE2b-512 of the 32
 * bytes of the public key, in hex. Does not load libsodium.
 *
 * @returns null when the text is no public key
 */
export function fingerprintOf(publicKeyText: string): string | null {
  return parsePublicKey(publicKeyText)?.fingerprint ?? null;
}

/** Tells a public key from anything else, for the error of someone who took the wrong half. */
export function looksLikePublicKey(text: Secret): boolean {
  return text.use((bytes) => trimmed(bytes).indexOf(PUBLIC_PREFIX, 0, "latin1") === 0);
}

function takePair(sodium: SodiumEngine, publicKey: number, privateKey: number): KeyPair {
  const heap = sodium.heap;
  const half = publicKeyOf(heap.slice(publicKey, publicKey + KEY_BYTES));
  const name = `private key of ${half.text}`;
  return {
    publicKey: half,
    privateKey: Secret.take(name, heap.subarray(privateKey, privateKey + KEY_BYTES)),
  };
}

function publicKeyOf(bytes: Uint8Array): PublicKey {
  return {
    bytes: Uint8Array.from(bytes),
    text: PUBLIC_PREFIX + encodeBase64(bytes, "url").toString("latin1"),
    // only errors and listings need it, and node:crypto costs 6 ms to load (measured)
    get fingerprint() {
      const { createHash } = process.getBuiltinModule("node:crypto");
      return createHash("blake2b512").update(bytes).digest("hex").slice(0, 16);
    },
  };
}

function privateKeyBytes(text: Buffer): Buffer | null {
  const key = trimmed(text);
  if (key.length > MAX_KEY_TEXT) return null;
  const prefixed = key.indexOf(PRIVATE_PREFIX, 0, "latin1") === 0;
  const bytes = decodeBase64(prefixed ? key.subarray(PRIVATE_PREFIX.length) : key);
  if (bytes === null || bytes.length === KEY_BYTES) return bytes;
  bytes.fill(0);
  return null;
}

/** A view without the white space at both ends: key files end in a newline. */
function trimmed(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && (bytes[start] ?? 0) <= 0x20) start++;
  while (end > start && (bytes[end - 1] ?? 0) <= 0x20) end--;
  return bytes.subarray(start, end);
}
