import type { ManifestIssue } from "../errors.ts";
import type { Slot } from "../manifest/model.ts";
import type { Secret } from "../secret/secret.ts";
import { SecretSet } from "../secret/secret-set.ts";
import { openEntries, type KeyringSource, type VaultProject } from "./open-entries.ts";

/**
 * The build secrets of a manifest, each opened when the build asks for it and not before. Disposing
 * it wipes what was opened.
 */
export class BuildVault implements Disposable {
  /** What `--mount=type=secret,id=…` may name. */
  readonly ids: readonly string[];
  readonly #project: VaultProject;
  readonly #keyring: KeyringSource;
  readonly #opening = new Map<string, Promise<Secret>>();
  readonly #counts = new Map<string, number>();
  readonly #owned = new SecretSet();
  readonly #warnings: ManifestIssue[] = [];
  #disposed = false;

  constructor(project: VaultProject, keyring: KeyringSource) {
    this.#project = project;
    this.#keyring = keyring;
    this.ids = [...project.manifest.buildSecrets.keys()];
  }

  /** How often each id was opened; ids that were not are missing. */
  get opened(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Values that opened but should be looked at: boxes that another tool sealed. */
  get warnings(): readonly ManifestIssue[] {
    return this.#warnings;
  }

  /** What was opened so far, for masking. */
  get secrets(): Iterable<Secret> {
    return this.#owned;
  }

  /**
   * Opens one build secret and counts it.
   *
   * @returns null for an id that the manifest does not have; otherwise it stays the vault's: copy
   * what has to outlive it
   * @throws SealmountError as `openEntries`
   */
  async open(id: string): Promise<Secret | null> {
    if (!this.ids.includes(id)) return null;
    const secret = await this.#once(id);
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    return secret;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#owned.wipe();
  }

  /** Two steps may ask for one secret at the same time. */
  async #once(id: string): Promise<Secret> {
    const opening = this.#opening.get(id) ?? this.#openOne(id);
    this.#opening.set(id, opening);
    try {
      return await opening;
    } catch (error) {
      this.#opening.delete(id);
      throw error;
    }
  }

  async #openOne(id: string): Promise<Secret> {
    const { buildSecrets } = this.#project.manifest;
    const entry = buildSecrets.get(id);
    const context = { project: this.#project, keyring: this.#keyring, siblings: buildSecrets };
    const { values, warnings } = await openEntries(entry === undefined ? [] : [entry], context);
    const [opened] = values;
    if (opened === undefined) throw new Error(`no build secret ${id}`);
    this.#warnings.push(...warnings);
    this.#owned.add(opened.value);
    if (this.#disposed) this.#owned.wipe();
    return opened.value;
  }
}

/** A login for one host; the secret is the caller's to wipe. */
export interface Login {
  readonly username: string;
  readonly secret: Secret;
}

/** The typed slots of a manifest (`[registries]` or `[git]`), opened when a host asks for a login. */
export class SlotVault {
  readonly #project: VaultProject;
  readonly #keyring: KeyringSource;
  readonly #slots: readonly Slot[];

  constructor(project: VaultProject, keyring: KeyringSource, slots: readonly Slot[]) {
    this.#project = project;
    this.#keyring = keyring;
    this.#slots = slots;
  }

  /**
   * The login for a host.
   *
   * @returns null when the manifest has none; a slot without a user name has an empty one
   * @throws SealmountError as `openEntries`
   */
  async credentials(host: string): Promise<Login | null> {
    const slot = this.#slots.find((candidate) => candidate.host === host);
    if (slot?.secret === undefined) return null;
    const context = { project: this.#project, keyring: this.#keyring, siblings: new Map() };
    const [opened] = (await openEntries([slot.secret], context)).values;
    return opened === undefined ? null : { username: slot.username ?? "", secret: opened.value };
  }
}
