import type { LoginStore } from "../docker/registry-auth.ts";
import type { RegistryLogin } from "../docker/registry-config.ts";
import { SealmountError, type ErrorCode } from "../errors.ts";
import type { Env } from "../keys/variables.ts";
import { BUILD, type Entry } from "../manifest/model.ts";
import { nearMiss } from "../manifest/near-miss.ts";
import { overlayEnvironment } from "../manifest/overlay.ts";
import type { Secret } from "../secret/secret.ts";
import { loginInConfig } from "./docker-config.ts";
import { Cluster } from "./kubernetes.ts";
import { openEntries, type KeyringSource, type VaultProject } from "./open-entries.ts";
import { setCommand } from "./select.ts";

/** Which secret, and what opens it. */
export interface PullSecretOptions {
  /** In the environment, else in `[build_secrets]`. */
  readonly name: string;
  readonly environment: string;
  readonly keyring: KeyringSource;
  /** For kubectl, when the secret comes from Kubernetes. */
  readonly env: Env;
}

/** Logins from a secret whose value is a docker `config.json`; it is opened for each login anew. */
export class PullSecret implements LoginStore {
  /** True when it stands in the environment, and would be delivered with it. */
  readonly isOfEnvironment: boolean;
  readonly #project: VaultProject;
  readonly #options: PullSecretOptions;
  readonly #entry: Entry;

  /** @throws {@link SealmountError} SECRET_MISSING when the manifest has no such secret */
  constructor(project: VaultProject, options: PullSecretOptions) {
    this.#project = project;
    this.#options = options;
    this.#entry = entryOf(project, options);
    this.isOfEnvironment = this.#entry.scope !== BUILD;
  }

  /**
   * The login for a registry.
   *
   * @returns null when the file has none for it, as a cluster takes it: the pull is anonymous
   * @throws {@link SealmountError} VALUE_INVALID for a value that is no `config.json`, REGISTRY_LOGIN for
   *   a login that only a credential helper has; and what `openEntries` throws
   */
  async credentials(host: string): Promise<RegistryLogin | null> {
    const value = await this.#open();
    try {
      const answer = value.use((bytes) => loginInConfig(bytes, host));
      if (answer === "broken") throw this.#fault("VALUE_INVALID", ...BROKEN);
      if (answer === "helper") throw this.#fault("REGISTRY_LOGIN", ...HELPER);
      return answer === "none" ? null : answer;
    } finally {
      value.wipe();
    }
  }

  async #open(): Promise<Secret> {
    const { environment, env, keyring } = this.#options;
    const { manifest } = this.#project;
    const siblings = this.isOfEnvironment
      ? overlayEnvironment(manifest, environment)
      : manifest.buildSecrets;
    // a build secret has no namespace of its own
    using cluster = this.isOfEnvironment
      ? new Cluster({ app: manifest.seal.app, environment, env })
      : null;
    const context = { project: this.#project, keyring, siblings };
    const all = await openEntries([this.#entry], { ...context, cluster: cluster ?? undefined });
    const [opened] = all.values;
    if (opened === undefined) throw new Error(`no value for ${this.#entry.name}`);
    return opened.value;
  }

  #fault(code: ErrorCode, what: string, hint: string): SealmountError {
    const { name, place } = this.#entry;
    return new SealmountError(code, `${place.key ?? name} ${what}`, { place, hint });
  }
}

const BROKEN = [
  "is no docker config.json",
  'set it to a file of the form {"auths":{"HOST":{"auth":"…"}}}',
] as const;
const HELPER = [
  "names a credential helper, which is on another machine",
  "there: sealmount import --docker-auth HOST; or set it to a file that has the login in auths",
] as const;

function entryOf({ manifest }: VaultProject, { name, environment }: PullSecretOptions): Entry {
  const own = overlayEnvironment(manifest, environment);
  const entry = own.get(name) ?? manifest.buildSecrets.get(name);
  if (entry !== undefined) return entry;
  const near = nearMiss(name, [...own.keys(), ...manifest.buildSecrets.keys()]);
  const meant = near === undefined ? "" : `; did you mean ${near}?`;
  // not quoted: it may be a value that was typed in the place of a name
  const message = `the pull secret is neither in environment ${environment} nor in [build_secrets]`;
  throw new SealmountError("SECRET_MISSING", message + meant, {
    hint: `set a docker config.json: ${setCommand("NAME", BUILD)}`,
  });
}
