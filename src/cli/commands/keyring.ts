import { findKeys, type Keyring, type Project } from "../../index.ts";
import type { Context } from "../spec.ts";

/** The private keys of one command: looked for when the first value has to be opened. */
export interface KeySearch extends Disposable {
  /** @param wanted - public keys of what is to be opened; the vault passes them */
  find(this: void, wanted?: readonly string[]): Promise<Keyring>;
}

/** Makes the search; disposing it wipes every key that it found. */
export function keyringOf(context: Context, project: Project): KeySearch {
  const { values, env, host } = context;
  const found: Keyring[] = [];
  return {
    async find(wanted) {
      const keyring = await findKeys({
        app: project.manifest.seal.app,
        env,
        home: host.home,
        keyFile: values.get("key-file"),
        wanted,
      });
      found.push(keyring);
      return keyring;
    },
    [Symbol.dispose]() {
      for (const keyring of found) keyring.wipe();
    },
  };
}
