/** The private keys of one task, looked for when the first value has to be opened. */
import { findKeys, findKeysQuietly, type KeySourceOptions } from "./find-keys.ts";
import type { Keyring } from "./keyring.ts";

/** A search that remembers; disposing it wipes every key that it found. */
export interface KeySearch extends Disposable {
  /** @param wanted - public keys of what is to be opened; the vault passes them */
  find(this: void, wanted?: readonly string[]): Promise<Keyring>;
  /** All keys of the places where nobody is asked and nothing is started; perhaps none. */
  quiet(this: void): Promise<Keyring>;
}

/** Makes the search; nothing is looked for yet. */
export function searchKeys(places: Omit<KeySourceOptions, "wanted">): KeySearch {
  const found: Keyring[] = [];
  const keep = (keyring: Keyring): Keyring => {
    found.push(keyring);
    return keyring;
  };
  return {
    async find(wanted) {
      // a command that asks its user for a key is not started again for the next value
      const before = found.find((keyring) => hasAll(keyring, wanted));
      return before ?? keep(await findKeys({ ...places, wanted }));
    },
    async quiet() {
      return keep(await findKeysQuietly(places));
    },
    [Symbol.dispose]() {
      for (const keyring of found) keyring.wipe();
    },
  };
}

function hasAll({ pairs }: Keyring, wanted: readonly string[] = []): boolean {
  const texts = pairs.map(({ publicKey }) => publicKey.text);
  return wanted.length > 0 && wanted.every((text) => texts.includes(text));
}
