import { findKeys, findKeysQuietly, type Keyring, type Project } from "../../index.ts";
import type { Context } from "../spec.ts";

/** The private keys of one command: looked for when the first value has to be opened. */
export interface KeySearch extends Disposable {
  /** @param wanted - public keys of what is to be opened; the vault passes them */
  find(this: void, wanted?: readonly string[]): Promise<Keyring>;
  /** All keys of the places where nobody is asked and nothing is started; perhaps none. */
  quiet(this: void): Promise<Keyring>;
}

/** Makes the search; disposing it wipes every key that it found. */
export function keyringOf(context: Context, project: Project): KeySearch {
  const { values, env, host } = context;
  const found: Keyring[] = [];
  const places = {
    app: project.manifest.seal.app,
    env,
    home: host.home,
    keyFile: values.get("key-file"),
  };
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
