import {
  type LoginStore,
  type Project,
  registryLogin,
  scrubEnvironment,
  SlotVault,
} from "../../index.ts";
import type { Context } from "../spec.ts";
import type { KeySearch } from "./keyring.ts";

/** What `docker login` left. */
export function dockerLogins({ env: own, host }: Context): LoginStore {
  const { home, signal } = host;
  // credential helpers get it
  const env = scrubEnvironment(own);
  return { credentials: async (registry) => registryLogin(registry, { env, home, signal }) };
}

/** The manifest's slots, then what `docker login` left. */
export function slotsThenDocker(
  context: Context,
  project: Project,
  keyring: KeySearch,
): LoginStore {
  const slots = new SlotVault(project, keyring.find, project.manifest.registries);
  const docker = dockerLogins(context);
  return {
    credentials: async (registry) =>
      (await slots.credentials(registry)) ?? docker.credentials(registry),
  };
}
