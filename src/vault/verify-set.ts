import type { Env } from "../keys/variables.ts";
import type { Entry } from "../manifest/model.ts";
import { overlayEnvironment } from "../manifest/overlay.ts";
import { SecretSet } from "../secret/secret-set.ts";
import { openEnvironment } from "./environment.ts";
import { openEntries, type KeyringSource, type VaultProject } from "./open-entries.ts";
import { usernamesOf } from "./usernames.ts";

/** Which secrets an image must not hold. */
export interface VerifyOptions {
  readonly environments: readonly string[];
  /** Build secrets, and the logins of `[registries]` and `[git]`. */
  readonly build: boolean;
  readonly keyring: KeyringSource;
  /** For kubectl, when values come from Kubernetes. */
  readonly env: Env;
}

/**
 * Opens every secret that must not be found in an image: those of the given environments, and those
 * of the build. Plain values are no secrets.
 *
 * @returns named by scope and name, such as `prod/API_KEY`, `common/API_KEY`, `build/npm-token`; a
 * value that comes from Kubernetes or a template is named by the environment it was read for. Those
 * of slots know their user name. The caller disposes it
 * @throws SealmountError when one of them does not open: then nothing would be proved
 */
export async function openForVerify(
  project: VaultProject,
  options: VerifyOptions,
): Promise<SecretSet> {
  const secrets = new SecretSet();
  try {
    const seen = new Set<Entry>();
    for (const environment of options.environments) {
      await addEnvironment({ project, options, secrets, seen }, environment);
    }
    if (options.build) await addBuild(project, options.keyring, secrets);
    return secrets;
  } catch (error) {
    secrets.wipe();
    throw error;
  }
}

interface Collection {
  readonly project: VaultProject;
  readonly options: VerifyOptions;
  readonly secrets: SecretSet;
  /** Sealed entries of `common` are part of every environment, but one secret. */
  readonly seen: Set<Entry>;
}

async function addEnvironment(to: Collection, environment: string): Promise<void> {
  const { project, options, secrets, seen } = to;
  const { keyring, env } = options;
  // as files: what no variable could carry is a secret all the same
  const asFiles = [...overlayEnvironment(project.manifest, environment).keys()];
  using opened = await openEnvironment(project, { environment, keyring, env, asFiles });
  for (const { entry, name, value, sensitive } of opened.entries) {
    const isShared = entry.source.kind === "sealed";
    if (!sensitive || seen.has(entry)) continue;
    if (isShared) seen.add(entry);
    secrets.add(value.copy(`${isShared ? entry.scope : environment}/${name}`));
  }
}

async function addBuild(
  project: VaultProject,
  keyring: KeyringSource,
  secrets: SecretSet,
): Promise<void> {
  const { buildSecrets, registries, git } = project.manifest;
  const usernames = usernamesOf([...registries, ...git]);
  const entries = [...buildSecrets.values(), ...usernames.keys()];
  const context = { project, keyring, siblings: buildSecrets };
  for (const { entry, value, sensitive } of (await openEntries(entries, context)).values) {
    const name = `${entry.scope}/${entry.name}`;
    if (sensitive) secrets.add(value.copy(name, usernames.get(entry)));
    value.wipe();
  }
}
