import { KEY_BYTES, type KeyPair } from "./keypair.ts";
import { withHeap, type SodiumEngine } from "./sodium.ts";

/** What a box adds to its plaintext (crypto_box_SEALBYTES): an ephemeral public key and a tag. */
export const OVERHEAD = 48;

/** A box that one of the keys opened. */
export interface Opened {
  /** A view of the WASM heap, good until the next box is opened; the caller wipes it. */
  readonly plaintext: Buffer;
  readonly key: KeyPair;
}

/**
 * Lends an {@link Opener} whose memory is allocated once for a batch of boxes and wiped at the end.
 *
 * @param largest - bytes of the largest box of the batch
 */
export function withOpener<T>(
  sodium: SodiumEngine,
  keys: readonly KeyPair[],
  largest: number,
  use: (opener: Opener) => T,
): T {
  return withHeap(sodium, 2 * (largest + KEY_BYTES), (take) => {
    const at = {
      box: take(largest),
      m: take(largest),
      publicKey: take(KEY_BYTES),
      privateKey: take(KEY_BYTES),
    };
    return use(new Opener(sodium, keys, at));
  });
}

/** Offsets of the four blocks on the WASM heap that one batch uses. */
interface Offsets {
  readonly box: number;
  readonly m: number;
  readonly publicKey: number;
  readonly privateKey: number;
}

/** Tries keys on boxes, the likeliest first. */
export class Opener {
  readonly #sodium: SodiumEngine;
  readonly #keys: readonly KeyPair[];
  readonly #at: Offsets;
  /** The key whose halves lie on the heap: the last that was tried. */
  #loaded: KeyPair | undefined;

  constructor(sodium: SodiumEngine, keys: readonly KeyPair[], at: Offsets) {
    this.#sodium = sodium;
    this.#keys = keys;
    this.#at = at;
  }

  /**
   * @param likely - text of the public key that the box should be sealed for
   * @returns null when no key opens the box
   */
  open(box: Buffer, likely: string | undefined): Opened | null {
    this.#sodium.heap.set(box, this.#at.box);
    for (const key of this.#inOrder(likely)) {
      this.#load(key);
      const status = this.#sodium.boxSealOpen({ ...this.#at, length: box.length });
      if (status !== 0) continue;
      const { buffer, byteOffset } = this.#sodium.heap;
      const length = box.length - OVERHEAD;
      return { plaintext: Buffer.from(buffer, byteOffset + this.#at.m, length), key };
    }
    return null;
  }

  /** The key named by the manifest first, then the one that was tried last. */
  #inOrder(likely: string | undefined): readonly KeyPair[] {
    if (this.#keys.length < 2) return this.#keys;
    const rank = (key: KeyPair): number => {
      if (key.publicKey.text === likely) return 0;
      return key === this.#loaded ? 1 : 2;
    };
    return this.#keys.toSorted((a, b) => rank(a) - rank(b));
  }

  #load(key: KeyPair): void {
    if (key === this.#loaded) return;
    this.#sodium.heap.set(key.publicKey.bytes, this.#at.publicKey);
    key.privateKey.use((bytes) => this.#sodium.heap.set(bytes, this.#at.privateKey));
    this.#loaded = key;
  }
}
