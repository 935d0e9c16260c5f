import { unsealAll, type Unsealed } from "../crypto/seal.ts";
import { ManifestError, type ManifestIssue } from "../errors.ts";
import type { Keyring } from "../keys/keyring.ts";
import { publicKeyFor, type Entry, type Manifest } from "../manifest/model.ts";
import { Secret } from "../secret/secret.ts";
import { adoptLogins } from "./docker-config.ts";
import type { Cluster } from "./kubernetes.ts";
import { setCommand } from "./select.ts";
import { closureOf, partsOf, referencesOf } from "./template.ts";

/** What the vault needs of a project. */
export interface VaultProject {
  readonly manifest: Manifest;
}

/**
 * Finds the private keys. Called only when something is sealed, with the public keys of what it is
 * sealed for; the keyring stays the caller's.
 */
export type KeyringSource = (wanted: readonly string[]) => Promise<Keyring>;

/** Where values come from. */
export interface OpenContext {
  readonly project: VaultProject;
  readonly keyring: KeyringSource;
  /** What templates may refer to. */
  readonly siblings: ReadonlyMap<string, Entry>;
  /** Undefined where there is no environment, and so no namespace. */
  readonly cluster?: Cluster | undefined;
}

/** One opened value; whoever holds it wipes it. */
export interface OpenedValue {
  readonly entry: Entry;
  /** Its parts are the logins of a docker `config.json`, if it is one. */
  readonly value: Secret;
  /** False for what stands in the manifest as plain text, and for templates of such. */
  readonly sensitive: boolean;
}

/** The result of {@link openEntries}. */
export interface OpenedValues {
  /** In the order of the given entries. */
  readonly values: readonly OpenedValue[];
  /** Boxes that are not bound to their place. */
  readonly warnings: readonly ManifestIssue[];
}

/**
 * Opens entries and what their templates need, all or none. Everything that can be found wrong
 * without a key is found before one is looked for.
 *
 * @throws {@link ManifestError} SECRET_MISSING for all entries without a value at once, and what
 * {@link closureOf}, `unsealAll`, the keyring and the cluster throw
 */
export async function openEntries(
  entries: readonly Entry[],
  context: OpenContext,
): Promise<OpenedValues> {
  const closure = closureOf(entries, context.siblings);
  requireValues(closure);
  const opened = new Map<Entry, OpenedValue>();
  const warnings: ManifestIssue[] = [];
  try {
    for (const { secret, bound, entry } of await unsealEntries(closure, context)) {
      opened.set(entry, { entry, value: secret, sensitive: true });
      if (!bound) warnings.push(unboundWarning(entry));
    }
    for (const entry of closure) {
      if (!opened.has(entry)) opened.set(entry, await openOther(entry, opened, context));
    }
  } catch (error) {
    for (const { value } of opened.values()) value.wipe();
    throw error;
  }
  const values = keepOnly(entries, opened);
  for (const { value, sensitive } of values) if (sensitive) adoptLogins(value);
  return { values, warnings };
}

/** @throws {@link ManifestError} SECRET_MISSING, one issue for each entry that has no value */
function requireValues(entries: readonly Entry[]): void {
  const issues = entries
    .filter(({ source }) => source.kind === "unset")
    .map(({ name, scope, place }): ManifestIssue => {
      const message = `${place.key ?? name} has no value yet`;
      return { code: "SECRET_MISSING", message, place, hint: setCommand(name, scope) };
    });
  const [first, ...rest] = issues;
  if (first !== undefined) throw new ManifestError([first, ...rest]);
}

async function unsealEntries(
  entries: readonly Entry[],
  { project, keyring }: OpenContext,
): Promise<(Unsealed & { entry: Entry })[]> {
  const { seal } = project.manifest;
  const items = entries.flatMap((entry) => {
    const { source, scope, name, place } = entry;
    if (source.kind !== "sealed") return [];
    const expect = { app: seal.app, scope, name };
    return [{ text: source.encrypted, expect, publicKey: publicKeyFor(seal, scope), place, entry }];
  });
  if (items.length === 0) return [];
  const { pairs, tried } = await keyring(wantedKeys(items));
  const options = { requireBound: seal.requireBound, keyPlaces: tried };
  const opened = await unsealAll(items, pairs, options);
  return items.flatMap(({ entry }, i) => {
    const one = opened[i];
    return one === undefined ? [] : [{ ...one, entry }];
  });
}

/** None when one is unknown: then no set of keys is known to suffice. */
function wantedKeys(items: readonly { readonly publicKey: string | undefined }[]): string[] {
  const wanted = new Set(items.map(({ publicKey }) => publicKey));
  return wanted.has(undefined) ? [] : [...wanted].flatMap((key) => key ?? []);
}

async function openOther(
  entry: Entry,
  opened: ReadonlyMap<Entry, OpenedValue>,
  context: OpenContext,
): Promise<OpenedValue> {
  const { source, name } = entry;
  switch (source.kind) {
    case "plain":
      return { entry, value: Secret.take(name, Buffer.from(source.value)), sensitive: false };
    case "kubernetes":
      return { entry, value: await readCluster(entry, context), sensitive: true };
    case "template":
      return fillTemplate(entry, opened, context);
    case "sealed":
    case "unset":
      break;
  }
  throw new Error(`${name} should have been opened before`);
}

async function readCluster(entry: Entry, { cluster }: OpenContext): Promise<Secret> {
  const { source, name, place } = entry;
  const label = place.key ?? name;
  if (source.kind !== "kubernetes") throw new Error(`${name} is not in Kubernetes`);
  if (cluster === undefined) {
    const message = `${label}: only values of an environment can come from Kubernetes`;
    throw new ManifestError([{ code: "SECRET_PROVIDER", message, place, hint: "seal it instead" }]);
  }
  return (await cluster.value(source.secret, source.key, { label, place })).copy(name);
}

function fillTemplate(
  entry: Entry,
  opened: ReadonlyMap<Entry, OpenedValue>,
  { siblings }: OpenContext,
): OpenedValue {
  const lookUp = (name: string): OpenedValue => {
    const sibling = siblings.get(name);
    const value = sibling && opened.get(sibling);
    if (value === undefined) throw new Error(`${name} should have been opened before`);
    return value;
  };
  const pieces = partsOf(entry).map((part) =>
    "name" in part
      ? lookUp(part.name).value.use((bytes) => Buffer.from(bytes))
      : Buffer.from(part.text),
  );
  const value = Secret.take(entry.name, Buffer.concat(pieces));
  for (const piece of pieces) piece.fill(0);
  const sensitive = referencesOf(entry).some((name) => lookUp(name).sensitive);
  return { entry, value, sensitive };
}

/** What templates needed and nobody asked for is wiped. */
function keepOnly(
  entries: readonly Entry[],
  opened: ReadonlyMap<Entry, OpenedValue>,
): OpenedValue[] {
  const wanted = new Set(entries);
  for (const { entry, value } of opened.values()) if (!wanted.has(entry)) value.wipe();
  return entries.flatMap((entry) => opened.get(entry) ?? []);
}

function unboundWarning({ name, scope, place }: Entry): ManifestIssue {
  const message = `${place.key ?? name} is not bound to its place: another tool sealed it`;
  return { code: "UNSEAL_UNBOUND", message, place, hint: setCommand(name, scope) };
}
