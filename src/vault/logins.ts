/** Where the logins of pulls and builds come from. */
import type { LoginStore } from "../docker/registry-auth.ts";
import { registryLogin } from "../docker/registry-config.ts";
import { type Env, scrubEnvironment } from "../keys/variables.ts";
import { SlotVault } from "./build-vault.ts";
import type { KeyringSource, VaultProject } from "./open-entries.ts";

/** Where docker's own logins are looked for. */
export interface LoginPlaces {
  readonly env: Env;
  readonly home: string;
  readonly signal?: AbortSignal | undefined;
}

/** What `docker login` left. The store throws what `registryLogin` throws. */
export function dockerLogins({ env: own, home, signal }: LoginPlaces): LoginStore {
  // credential helpers get it
  const env = scrubEnvironment(own);
  return { credentials: async (host) => registryLogin(host, { env, home, signal }) };
}

/**
 * The manifest's `[registries]`, then what `docker login` left. Nothing is opened before a login is
 * asked for; the store also throws what `SlotVault` throws.
 *
 * @param keyring - is asked later, too: it must outlive the store
 */
export function slotsThenDocker(
  project: VaultProject,
  keyring: KeyringSource,
  places: LoginPlaces,
): LoginStore {
  const slots = new SlotVault(project, keyring, project.manifest.registries);
  const docker = dockerLogins(places);
  return {
    credentials: async (host) => (await slots.credentials(host)) ?? docker.credentials(host),
  };
}
