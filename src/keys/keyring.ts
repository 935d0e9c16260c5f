import type { KeyPair } from "../crypto/keypair.ts";

/** A private key and where it was found. */
export interface FoundKey {
  /** The place, as errors and listings name it. */
  readonly source: string;
  readonly pair: KeyPair;
}

/** The private keys that this process could find. Disposing it wipes them. */
export class Keyring implements Disposable {
  /** In the order of the places; each key once. */
  readonly keys: readonly FoundKey[];
  /** Every place that was looked at, for errors. */
  readonly tried: readonly string[];

  constructor(keys: readonly FoundKey[], tried: readonly string[]) {
    this.keys = keys;
    this.tried = tried;
  }

  /** The keys alone, as `unseal` takes them. */
  get pairs(): readonly KeyPair[] {
    return this.keys.map(({ pair }) => pair);
  }

  /** Overwrites every private key. Safe to repeat. */
  wipe(): void {
    for (const { pair } of this.keys) pair.privateKey.wipe();
  }

  [Symbol.dispose](): void {
    this.wipe();
  }
}
