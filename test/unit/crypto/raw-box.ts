import { encodeBase64 } from "../../../src/crypto/base64.ts";
import type { KeyPair } from "../../../src/crypto/keypair.ts";
import { loadSodium, withHeap } from "../../../src/crypto/sodium.ts";

/** Seals bytes as any other tool does: without an envelope. */
export async function sealRaw(pair: KeyPair, plaintext: string | Uint8Array): Promise<string> {
  const sodium = await loadSodium();
  const message = Buffer.from(plaintext);
  const length = message.length + 48;
  const box = withHeap(sodium, length + message.length + 32, (take) => {
    const at = { box: take(length), m: take(message.length), publicKey: take(32) };
    sodium.heap.set(message, at.m);
    sodium.heap.set(pair.publicKey.bytes, at.publicKey);
    sodium.boxSeal({ ...at, length: message.length });
    return sodium.heap.slice(at.box, at.box + length);
  });
  return encodeBase64(box, "url").toString();
}
