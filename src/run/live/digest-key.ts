/** The key of the digests by which `ps` tells whether a container is up to date. */
import { digestKey } from "../../crypto/digest.ts";
import type { KeyPair } from "../../crypto/keypair.ts";
import type { Keyring } from "../../keys/keyring.ts";
import { COMMON, publicKeyFor, type Seal } from "../../manifest/model.ts";
import type { Secret } from "../../secret/secret.ts";
import type { OpenedEnvironment } from "../../vault/environment.ts";
import type { KeyringSource } from "../../vault/open-entries.ts";

/** A key of digests and whose it is. */
export interface DigestKey extends Disposable {
  readonly key: Secret;
  /** Of the public key that it belongs to: only its holders can compare. */
  readonly fingerprint: string;
}

/**
 * Derives it from the private key of the environment, else from that of the common values.
 *
 * @param keyring - what was found; stays the caller's
 * @param fingerprint - of the key that a container names, to compare with it
 * @returns null when the keyring lacks the private key; the caller disposes it
 */
export function digestKeyFor(
  keyring: Keyring,
  seal: Seal,
  o: { readonly environment: string; readonly fingerprint?: string | undefined },
): DigestKey | null {
  const [own, common] = [o.environment, COMMON].map((scope) => publicKeyFor(seal, scope));
  const pair =
    o.fingerprint === undefined
      ? (pairOf(keyring, own) ?? pairOf(keyring, common))
      : keyring.pairs.find(({ publicKey }) => publicKey.fingerprint === o.fingerprint);
  if (pair === undefined) return null;
  const key = digestKey(pair.privateKey, "run");
  return { key, fingerprint: pair.publicKey.fingerprint, [Symbol.dispose]: () => key.wipe() };
}

/**
 * The same for values that were just opened. What was sealed tells which key; without anything sealed
 * nobody is asked for one.
 */
export async function digestKeyOf(
  seal: Seal,
  keyring: KeyringSource,
  { entries, environment }: Pick<OpenedEnvironment, "entries" | "environment">,
): Promise<DigestKey | null> {
  const sealed = entries.filter(({ entry }) => entry.source.kind === "sealed");
  // the keys that have just opened them: nothing is looked for again
  const wanted = sealed.flatMap(({ entry }) => publicKeyFor(seal, entry.scope) ?? []);
  if (wanted.length === 0) return null;
  return digestKeyFor(await keyring([...new Set(wanted)]), seal, { environment });
}

function pairOf({ pairs }: Keyring, text: string | undefined): KeyPair | undefined {
  return pairs.find(({ publicKey }) => publicKey.text === text);
}
