import type { ManifestIssue, Place } from "../errors.ts";

/** Where a secret is valid: `common`, an environment's name, or `build`. */
export type Scope = string;

/** Scope of `[env.common]`: overlaid by the chosen environment, name by name. */
export const COMMON = "common";

/** Scope of `[build_secrets]`: served to `docker build`, never to a container. */
export const BUILD = "build";

/** The platform's own default, taken when neither flag, variable nor manifest names one. */
export const DEFAULT_ENVIRONMENT = "test";

/** Where the value of an entry comes from. */
export type Source =
  | { readonly kind: "plain"; readonly value: string }
  /** `encrypted` is the text as written: base64url, or standard base64 from other tools. */
  | { readonly kind: "sealed"; readonly encrypted: string }
  /** One key of a Kubernetes secret in the namespace `apps-<app>-<environment>`. */
  | { readonly kind: "kubernetes"; readonly secret: string; readonly key: string }
  /** Text with `${NAME}` references to other entries of the same environment. */
  | { readonly kind: "template"; readonly template: string }
  /** Declared (`description`, `prompt`, `generate`) but not set yet: `sealmount set` fills it. */
  | { readonly kind: "unset" };

/** Delivery as a file instead of an environment variable. */
export interface FileTarget {
  /** As written: absolute, or relative to the default folder of files; no `..`, no NUL. */
  readonly path: string;
  /** User, or `user:group`, by name or number; the default is the deliverer's business. */
  readonly owner?: string;
  /** Permission bits such as 0o440, at most 0o777. */
  readonly mode?: number;
  /** Nothing but secrets is in its folder: that of a `[[secret_files]]`. */
  readonly ownFolder?: boolean;
}

/** One named value of a section. */
export interface Entry {
  readonly name: string;
  readonly scope: Scope;
  readonly source: Source;
  readonly place: Place;
  readonly file?: FileTarget;
  /** ISO date or date-time as written, such as `2027-01-31`. */
  readonly expires?: string;
  /** Free word such as `git`, `registry`, `opaque`; which ones mean something is not decided here. */
  readonly type?: string;
  readonly description?: string;
  /** Question to ask when the value is missing; `true` asks with the description. */
  readonly prompt?: string | true;
  /** Of a build secret: a step that mounts it runs again when the value has changed. */
  readonly cache?: "value";
  /** Generator, such as `base64:32`; not checked here. */
  readonly generate?: string;
}

/** The app's identity and public keys, own or inherited from the parent's manifest. */
export interface Seal {
  readonly app: string;
  /** Text as written, shape checked only: `smp1_…`, or 32 bytes in base64. */
  readonly publicKey?: string;
  readonly keys: ReadonlyMap<Scope, string>;
  /** Refuse boxes without an envelope, that is, sealed by another tool. */
  readonly requireBound: boolean;
  /** Prove that no secret is in it before a build's result gets its name. */
  readonly verify: boolean;
}

/** An item of `[[secret_files]]`: files that hold for every environment. */
export interface SecretFiles {
  /** As written, absolute: a folder when it ends with a slash or a whole secret goes there. */
  readonly mountPath: string;
  readonly source: FilesSource;
  readonly owner?: string;
  readonly mode?: number;
  readonly place: Place;
}

/** What the files of a `[[secret_files]]` hold. */
export type FilesSource =
  /** A whole Kubernetes secret, one file for each of its keys. */
  | { readonly kind: "secret"; readonly secret: string }
  /** Values of the environment; their entries carry the file. The place is that of the list. */
  | { readonly kind: "names"; readonly names: readonly string[]; readonly place: Place }
  /** Keys of a Kubernetes secret, named `SECRET/KEY`, or one template, named by its path. */
  | { readonly kind: "entries"; readonly entries: readonly Entry[] };

/**
 * Credentials for one host, used to pull images or fetch git contexts.
 *
 * The secret's entry has scope `common` and its dotted key, such as
 * `registries."ghcr.io".password`, as its name: sealing binds it to exactly that slot.
 */
export interface Slot {
  /** Docker Hub is `docker.io` whatever the file calls it. */
  readonly host: string;
  /** The host as written. */
  readonly name: string;
  readonly username?: string;
  readonly secret?: Entry;
  readonly place: Place;
}

/**
 * How a secret that is a variable reaches a container: in the create request, hidden from it, or as a
 * file whose path is in `NAME_FILE`.
 */
export type VariableDelivery = "plain" | "hidden" | "file";

/** `[run]`: what holds for `run` where its options say nothing else. */
export interface RunSection {
  readonly env?: VariableDelivery;
}

/** One parsed and validated manifest: names, sealed text and places; no plaintext secret. */
export interface Manifest {
  /** Name of the file as errors show it. */
  readonly file: string;
  readonly seal: Seal;
  /** By environment name, `common` among them when the file has it; then by entry name. */
  readonly environments: ReadonlyMap<string, ReadonlyMap<string, Entry>>;
  /** By the id that a Dockerfile's `--mount=type=secret,id=…` names. */
  readonly buildSecrets: ReadonlyMap<string, Entry>;
  readonly secretFiles: readonly SecretFiles[];
  readonly registries: readonly Slot[];
  readonly git: readonly Slot[];
  readonly defaultEnvironment?: string;
  readonly run?: RunSection;
  /** Folders of sub-apps, relative to this manifest's folder. */
  readonly applings: readonly string[];
  /** Oddities that do not stop anything, such as a top-level key that nearly has one of our names. */
  readonly warnings: readonly ManifestIssue[];
}

/** The public key to seal for a scope with: its own, else the app's; undefined when there is none. */
export function publicKeyFor(seal: Seal, scope: Scope): string | undefined {
  return seal.keys.get(scope) ?? seal.publicKey;
}
