/** Values to watch for, so that none of them travels in plain: as many as open without a word. */
import { parsePublicKey } from "../crypto/keypair.ts";
import { unsealAll, type SealedItem } from "../crypto/seal.ts";
import { SealmountError } from "../errors.ts";
import type { Keyring } from "../keys/keyring.ts";
import { publicKeyFor, type Entry, type Manifest } from "../manifest/model.ts";
import { SecretSet } from "../secret/secret-set.ts";
import { adoptLogins } from "./docker-config.ts";
import type { VaultProject } from "./open-entries.ts";
import { usernamesOf } from "./usernames.ts";

/**
 * Opens every sealed value of a manifest, of all scopes and slots, that the given keys open. The others
 * are left out without an error: whoever needs one asks for it elsewhere. Values from Kubernetes are
 * not asked for, and templates are made of what is.
 *
 * @param keyring - looks only where nothing is started and nobody asked. Not called, and no
 *   cryptography loaded, when nothing is sealed
 * @returns named by scope and name, such as `prod/API_KEY`; the caller disposes it
 */
export async function openForWatch(
  project: VaultProject,
  keyring: () => Promise<Keyring>,
): Promise<SecretSet> {
  const items = sealedItems(project.manifest);
  const secrets = new SecretSet();
  if (items.length === 0) return secrets;
  const { pairs } = await keyring();
  if (pairs.length === 0) return secrets;
  const known = new Set(pairs.map(({ publicKey }) => publicKey.text));
  // a box for another key would only be tried in vain
  const mine = items.filter(({ publicKey }) => {
    const text = publicKey === undefined ? undefined : parsePublicKey(publicKey)?.text;
    return text === undefined || known.has(text);
  });
  for (const part of await openParts(mine, pairs)) {
    for (const { secret, scope, username } of part) {
      const watched = secrets.add(secret.copy(`${scope}/${secret.name}`, username));
      adoptLogins(watched);
      secret.wipe();
    }
  }
  return secrets;
}

/** Where a value comes from, and what goes with it in a login. */
interface Origin {
  readonly scope: string;
  readonly username: string | undefined;
}

type WatchedItem = SealedItem & Origin;
type Opened = Awaited<ReturnType<typeof unsealAll>>[number] & Origin;

/** All at once, as that is faster; one by one where one of them does not open. */
async function openParts(
  items: readonly WatchedItem[],
  pairs: Keyring["pairs"],
): Promise<Opened[][]> {
  const open = async (part: readonly WatchedItem[]): Promise<Opened[]> => {
    const opened = await unsealAll(part, pairs);
    return opened.map((one, index) => {
      const { scope = "", username } = part[index] ?? {};
      return { ...one, scope, username };
    });
  };
  try {
    return [await open(items)];
  } catch (error) {
    if (!(error instanceof SealmountError)) throw error;
  }
  const parts: Opened[][] = [];
  for (const item of items) {
    const opened = open([item]).catch((error: unknown) => {
      if (error instanceof SealmountError) return [];
      throw error;
    });
    parts.push(await opened);
  }
  return parts;
}

function sealedItems({
  seal,
  environments,
  buildSecrets,
  registries,
  git,
}: Manifest): WatchedItem[] {
  const usernames = usernamesOf([...registries, ...git]);
  const entries: Entry[] = [
    ...[...environments.values()].flatMap((section) => [...section.values()]),
    ...buildSecrets.values(),
    ...usernames.keys(),
  ];
  return entries.flatMap((entry) => {
    const { source, scope, name, place } = entry;
    if (source.kind !== "sealed") return [];
    const expect = { app: seal.app, scope, name };
    const publicKey = publicKeyFor(seal, scope);
    const username = usernames.get(entry);
    return [{ text: source.encrypted, expect, publicKey, place, scope, username }];
  });
}
