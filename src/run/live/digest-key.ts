/** The key of the digests by which `ps` tells whether a container is up to date, and that signs labels. */
import { digestKey } from "../../crypto/digest.ts";
import type { KeyPair } from "../../crypto/keypair.ts";
import { KeyStoreError } from "../../errors.ts";
import type { Keyring } from "../../keys/keyring.ts";
import { COMMON, publicKeyFor, type Seal } from "../../manifest/model.ts";
import type { Secret } from "../../secret/secret.ts";
import type { OpenedEntry, OpenedEnvironment } from "../../vault/environment.ts";
import type { KeyringSource } from "../../vault/open-entries.ts";
import type { LaunchLabels } from "./spec.ts";

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
  const [own, common] = [o.environment, COMMON].map((scope) => pairOf(keyring, seal, scope));
  const pair =
    o.fingerprint === undefined
      ? (own ?? common)
      : keyring.pairs.find(({ publicKey }) => publicKey.fingerprint === o.fingerprint);
  return pair === undefined ? null : derive(pair);
}

/**
 * The same for values that were just opened. Of the keys that the manifest names for them it is one
 * whose holders may have all of them: who has but the key of the common values signs nothing that asks
 * for others. Without a secret among the values nobody is asked for a key.
 *
 * @param labels - of a container that is to be given the values: where it names such a key, it is that
 * @returns null when there is nothing to sign or check by: no secret, no key in the manifest, or values
 *   of a cluster alone and no key here
 * @throws {@link KeyStoreError} KEY_NOT_FOUND when there is a container, and its values were sealed for
 *   another key than the manifest's; also what the search for keys throws
 */
export async function digestKeyOf(
  seal: Seal,
  keyring: KeyringSource,
  { entries, environment }: Pick<OpenedEnvironment, "entries" | "environment">,
  labels?: Pick<LaunchLabels, "fingerprint">,
): Promise<DigestKey | null> {
  const secrets = entries.filter(({ sensitive }) => sensitive);
  const context = { seal, environment, keyring };
  const found = await keysBehind(secrets, context);
  if (found === null) return null;
  const pairs = signersOf(secrets, context, found);
  const named = pairs.find(({ publicKey }) => publicKey.fingerprint === labels?.fingerprint);
  const pair = named ?? pairs[0];
  if (pair !== undefined) return derive(pair);
  if (labels === undefined || !secrets.some(isSealed)) return null;
  throw new KeyStoreError("KEY_NOT_FOUND", "the key that the manifest names is not here", {
    hint: "the values were sealed for another one, which can't tell whose container it is",
  });
}

interface KeyContext {
  readonly seal: Seal;
  readonly environment: string;
  readonly keyring: KeyringSource;
}

/** Null where the manifest names no key, or nothing was sealed and there is none. */
async function keysBehind(
  secrets: readonly OpenedEntry[],
  { seal, environment, keyring }: KeyContext,
): Promise<Keyring | null> {
  if (secrets.length === 0) return null;
  // where all were sealed, the keys that have just opened them: nothing is looked for again
  const others = secrets.every(isSealed) ? [] : [environment, COMMON];
  const scopes = [...secrets.filter(isSealed).map(({ entry }) => entry.scope), ...others];
  const wanted = new Set(scopes.flatMap((scope) => publicKeyFor(seal, scope) ?? []));
  if (wanted.size === 0) return null;
  const search = keyring([...wanted]);
  return secrets.some(isSealed) ? search : search.catch(nullIfNone);
}

/** Whose holders may have all of the values, the one to sign by first. */
function signersOf(
  secrets: readonly OpenedEntry[],
  { seal, environment }: KeyContext,
  found: Keyring,
): readonly KeyPair[] {
  const [own, common] = [environment, COMMON].map((scope) => pairOf(found, seal, scope));
  const isCommon = secrets.every((one) => isSealed(one) && one.entry.scope === COMMON);
  const hasOwn = secrets.some((one) => isSealed(one) && one.entry.scope !== COMMON);
  // whoever opens the common values can check by that one
  const order = isCommon ? [common, own] : [hasOwn ? own : (own ?? common)];
  return order.filter((pair) => pair !== undefined);
}

function derive({ privateKey, publicKey }: KeyPair): DigestKey {
  const key = digestKey(privateKey, "run");
  return { key, fingerprint: publicKey.fingerprint, [Symbol.dispose]: () => key.wipe() };
}

function isSealed({ entry }: OpenedEntry): boolean {
  return entry.source.kind === "sealed";
}

function nullIfNone(error: unknown): null {
  if (error instanceof KeyStoreError && error.code === "KEY_NOT_FOUND") return null;
  throw error;
}

function pairOf({ pairs }: Keyring, seal: Seal, scope: string): KeyPair | undefined {
  const text = publicKeyFor(seal, scope);
  return pairs.find(({ publicKey }) => publicKey.text === text);
}
