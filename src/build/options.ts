/** What a build is asked to do, and with what. */
import type { Engine } from "../docker/engine.ts";
import type { Secret } from "../secret/secret.ts";
import type { AuthStore } from "../session/auth/service.ts";
import type { BuildEvent } from "./events.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** `docker build`'s own options, with docker's own meaning. */
export interface BuildRequest {
  /** Folder, absolute or relative to `cwd`. */
  readonly context: string;
  /** Working directory: where relative paths start. */
  readonly cwd: string;
  /** Gives its value to a build argument that is named without one. */
  readonly env: Env;
  /** `-f`; relative to `cwd`. */
  readonly dockerfile?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** `NAME=VALUE`, or `NAME` to take the value from {@link env}. */
  readonly buildArgs?: readonly string[] | undefined;
  /** `KEY=VALUE`, or `KEY` for an empty value. */
  readonly labels?: readonly string[] | undefined;
  readonly target?: string | undefined;
  readonly platform?: string | undefined;
  readonly network?: string | undefined;
  /** `NAME:IP`. */
  readonly addHosts?: readonly string[] | undefined;
  readonly noCache?: boolean | undefined;
  readonly pull?: boolean | undefined;
}

/** The build secrets of a manifest, as the vault offers them. */
export interface BuildSecrets {
  /** Names of `[build_secrets]`: nothing else is ever served. */
  readonly ids: readonly string[];
  /** Opens one; null for an id that is not declared. The Secret stays the vault's. */
  open(id: string): Promise<Secret | null>;
}

/** A build. */
export interface BuildOptions extends BuildRequest {
  readonly engine: Engine;
  readonly secrets: BuildSecrets;
  /** Logins for private base images. */
  readonly auth?: AuthStore | undefined;
  /** Gets masked, harmless text only. */
  readonly onProgress?: ((event: BuildEvent) => void) | undefined;
  /** Stops the build: the engine's part of it within a second. */
  readonly signal?: AbortSignal | undefined;
  /** Replaces secrets in text that comes back from the engine; asked for every line. */
  readonly mask?: ((text: string) => string) | undefined;
}

/** A finished build. */
export interface BuildResult {
  /** `sha256:…` */
  readonly imageId: string;
  readonly tags: readonly string[];
  /** How often each secret was opened; a cached step opens none. */
  readonly opened: ReadonlyMap<string, number>;
  /** Ours and BuildKit's. */
  readonly warnings: readonly string[];
}
