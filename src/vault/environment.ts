import type { ManifestIssue } from "../errors.ts";
import type { Env } from "../keys/variables.ts";
import {
  COMMON,
  type Entry,
  type FileTarget,
  type Manifest,
  type SecretFiles,
} from "../manifest/model.ts";
import { overlayEnvironment } from "../manifest/overlay.ts";
import { fileIn } from "../manifest/secret-files.ts";
import type { Secret } from "../secret/secret.ts";
import { checkVariables } from "./deliverable.ts";
import { adoptLogins } from "./docker-config.ts";
import { Cluster } from "./kubernetes.ts";
import {
  openEntries,
  type KeyringSource,
  type OpenedValue,
  type VaultProject,
} from "./open-entries.ts";
import { select, type Selection } from "./select.ts";

/** One value of an environment, open. */
export interface OpenedEntry {
  readonly name: string;
  readonly value: Secret;
  /** False for what stands in the manifest as plain text. */
  readonly sensitive: boolean;
  /** Delivered as a file in place of a variable. */
  readonly file?: FileTarget;
  /** Where it stands in the manifest. */
  readonly entry: Entry;
}

/** An opened environment; disposing it wipes every value. */
export interface OpenedEnvironment extends Disposable {
  readonly environment: string;
  readonly entries: readonly OpenedEntry[];
  /** Values that opened but should be looked at: boxes that another tool sealed. */
  readonly warnings: readonly ManifestIssue[];
}

/** What to open. */
export interface OpenOptions {
  readonly environment: string;
  readonly keyring: KeyringSource;
  /** For kubectl, when values come from Kubernetes. */
  readonly env: Env;
  readonly selection?: Selection | undefined;
  /** Names that are delivered as files although the manifest does not say so (`--file`). */
  readonly asFiles?: readonly string[] | undefined;
}

/**
 * Opens all values of an environment, or those that a selection picks: all or none, and before any
 * side effect. No key is looked for when nothing is sealed.
 *
 * @returns entries in the order of `overlayEnvironment`, files of whole Kubernetes secrets last; the
 * caller disposes it
 * @throws SealmountError SECRET_MISSING with the command that sets the value, VALUE_INVALID for what
 * a variable can't carry, SECRET_PROVIDER, and what `unsealAll` and the keyring throw
 */
export async function openEnvironment(
  project: VaultProject,
  options: OpenOptions,
): Promise<OpenedEnvironment> {
  const { environment, selection = {}, keyring } = options;
  const { manifest } = project;
  const siblings = overlayEnvironment(manifest, environment);
  const units = [...siblings.values(), ...foldersOf(manifest)];
  const chosen = select(units, selection, environment);
  const entries = chosen.flatMap((unit) => ("mountPath" in unit ? [] : [unit]));
  const folders = chosen.filter((unit) => "mountPath" in unit);
  using cluster = new Cluster({ app: manifest.seal.app, environment, env: options.env });
  const { values, warnings } = await openEntries(entries, { project, keyring, siblings, cluster });
  try {
    const asFiles = new Set(options.asFiles);
    checkVariables(values.filter(({ entry }) => !entry.file && !asFiles.has(entry.name)));
    const files = await readFolders(folders, cluster);
    return opened(environment, [...values.map(toEntry), ...files], warnings);
  } catch (error) {
    for (const { value } of values) value.wipe();
    throw error;
  }
}

/** A value that would be opened. */
export interface PlannedEntry {
  readonly name: string;
  /** False for what stands in the manifest as plain text; templates count as sensitive. */
  readonly sensitive: boolean;
  readonly file?: FileTarget;
  readonly entry: Entry;
}

/**
 * What {@link openEnvironment} would open, without a key: for `--dry-run`. The files of whole
 * Kubernetes secrets are missing, since only the cluster knows their names.
 *
 * @throws SealmountError SECRET_MISSING, USAGE_UNKNOWN, as `openEnvironment`
 */
export function planEntries(
  { manifest }: VaultProject,
  options: Pick<OpenOptions, "environment" | "selection">,
): PlannedEntry[] {
  const { environment, selection = {} } = options;
  const entries = [...overlayEnvironment(manifest, environment).values()];
  const units = [...entries, ...foldersOf(manifest)];
  return select(units, selection, environment).flatMap((entry) => {
    if ("mountPath" in entry) return [];
    const { name, file } = entry;
    const sensitive = entry.source.kind !== "plain";
    return [{ name, sensitive, entry, ...(file === undefined ? {} : { file }) }];
  });
}

/** A whole Kubernetes secret as a selection sees it: it is picked by its name. */
type FolderUnit = SecretFiles & Pick<Entry, "name" | "scope">;

function foldersOf({ secretFiles }: Manifest): FolderUnit[] {
  return secretFiles.flatMap((files) =>
    files.source.kind === "secret" ? [{ ...files, name: files.source.secret, scope: COMMON }] : [],
  );
}

async function readFolders(
  folders: readonly FolderUnit[],
  cluster: Cluster,
): Promise<OpenedEntry[]> {
  const files: OpenedEntry[] = [];
  for (const folder of folders) {
    const { name: secret, place } = folder;
    const values = await cluster.all(secret, { label: `secret_files ${secret}`, place });
    for (const [key, value] of values) {
      const name = `${secret}/${key}`;
      const file = fileIn(folder, key);
      const source = { kind: "kubernetes", secret, key } as const;
      const entry: Entry = { name, scope: COMMON, source, place, file };
      const own = value.copy(name);
      adoptLogins(own);
      files.push({ name, value: own, sensitive: true, file, entry });
    }
  }
  return files;
}

function toEntry({ entry, value, sensitive }: OpenedValue): OpenedEntry {
  const { name, file } = entry;
  return { name, value, sensitive, entry, ...(file === undefined ? {} : { file }) };
}

function opened(
  environment: string,
  entries: readonly OpenedEntry[],
  warnings: readonly ManifestIssue[],
): OpenedEnvironment {
  const dispose = (): void => {
    for (const { value } of entries) value.wipe();
  };
  return { environment, entries, warnings, [Symbol.dispose]: dispose };
}
