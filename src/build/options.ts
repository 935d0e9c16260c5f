/** What a build is asked to do, and with what. */
import type { Writable } from "node:stream";

import type { Engine } from "../docker/engine.ts";
import type { Secret } from "../secret/secret.ts";
import type { AuthStore } from "../session/auth/service.ts";
import type { GrpcService } from "../session/grpc.ts";
import type { BuildEvent } from "./events.ts";
import type { Guard } from "./guard-build.ts";
import type { StandardInput } from "./standard-input.ts";

type Env = Readonly<Record<string, string | undefined>>;
type Texts = readonly string[] | undefined;

/** `docker build`'s own options, with docker's own meaning; each text is the flag's value. */
export interface BuildRequest {
  /**
   * A folder, absolute or relative to `cwd`; a git or http(s) URL; or `-` for a tar or a Dockerfile
   * on {@link stdin}.
   */
  readonly context: string;
  /** Working directory: where relative paths start. */
  readonly cwd: string;
  /** Gives its value to a build argument that is named without one. */
  readonly env: Env;
  /** `-f`; relative to `cwd`, for a tar or URL to what is in it; an http address; `-` for stdin. */
  readonly dockerfile?: string | undefined;
  /** Needed where `context` or `dockerfile` is `-`. */
  readonly stdin?: StandardInput | undefined;
  readonly tags?: Texts;
  /** `NAME=VALUE`, or `NAME` to take the value from {@link env}. */
  readonly buildArgs?: Texts;
  /** `NAME=PATH`, `NAME=URL`, `NAME=docker-image://REF`, `NAME=oci-layout://PATH`. */
  readonly buildContexts?: Texts;
  /** `KEY=VALUE`, or `KEY` for an empty value. */
  readonly labels?: Texts;
  /** `[TYPE:]KEY=VALUE`. */
  readonly annotations?: Texts;
  readonly target?: string | undefined;
  /** One or more, with commas. */
  readonly platform?: string | undefined;
  readonly network?: string | undefined;
  /** `NAME:IP` or `NAME=IP`; `host-gateway` for the engine's own address. */
  readonly addHosts?: Texts;
  readonly noCache?: boolean | undefined;
  /** Names of stages. */
  readonly noCacheFilter?: Texts;
  readonly pull?: boolean | undefined;
  /** `64m`. */
  readonly shmSize?: string | undefined;
  /** `nofile=1024:2048`. */
  readonly ulimits?: Texts;
  /** Of RUN steps. */
  readonly cgroupParent?: string | undefined;
  /** `REF` or `type=…,…`; folders for `type=local`. */
  readonly cacheFrom?: Texts;
  readonly cacheTo?: Texts;
  /** `type=local,dest=…`, `PATH`, `-` for a tar on stdout. */
  readonly outputs?: Texts;
  readonly push?: boolean | undefined;
  readonly load?: boolean | undefined;
  /** File that gets the image's id. */
  readonly iidFile?: string | undefined;
  /** File that gets what the engine says of the result, as JSON. */
  readonly metadataFile?: string | undefined;
  /** Docker's own `--secret`: `id=…,src=PATH` or `id=…,env=NAME`. */
  readonly secretFlags?: Texts;
  /** `default`, `ID=SOCKET`, `ID=KEYFILE[,KEYFILE]`. */
  readonly ssh?: Texts;
  /** Entitlements: `network.host`, `security.insecure`. */
  readonly allow?: Texts;
  /** `type=provenance,…` or `type=sbom,…`. */
  readonly attests?: Texts;
  /** `true`, `false`, or attributes such as `mode=max`. */
  readonly provenance?: string | undefined;
  readonly sbom?: string | undefined;
  /** `check`, `outline`, `targets` …: asks about the Dockerfile instead of building. */
  readonly call?: string | undefined;
  /** True: the engine keeps its record of the build, with log and build arguments. */
  readonly record?: boolean | undefined;
}

/** The build secrets of a manifest, as the vault offers them. */
export interface BuildSecrets {
  /** Names of `[build_secrets]`: nothing else is ever served. */
  readonly ids: readonly string[];
  /** Opens one; null for an id that is not declared. The Secret stays the vault's. */
  open(id: string): Promise<Secret | null>;
}

/** Which steps run again when a value has changed; see `build/secret-cache.ts`. */
export interface SecretCache {
  /** Ids of `[build_secrets]` whose value decides. */
  readonly ids: ReadonlySet<string>;
  /**
   * The app's private key, from which the digest key is derived. Asked for when a step of the build
   * mounts one of {@link ids}; stays the caller's.
   */
  readonly privateKey: () => Promise<Secret>;
}

/** A build. */
export interface BuildOptions extends BuildRequest {
  readonly engine: Engine;
  readonly secrets: BuildSecrets;
  /** Logins for private base images. */
  readonly auth?: AuthStore | undefined;
  /**
   * Logins for git and http sources, such as a git context or `ADD https://…`. Asked with the host as
   * the engine names it, for git with its port; a login without a user name is a token. `git` on the
   * engine gets it as an argument, which is told as a warning.
   */
  readonly sourceAuth?: AuthStore | undefined;
  /** Looks for plaintext in what is about to travel, and refuses the build. Default: does not look. */
  readonly guard?: Guard | undefined;
  /** Has steps run again when the value of a secret that they mount has changed. */
  readonly secretCache?: SecretCache | undefined;
  /**
   * Looks at what the build has made, before anybody can see it: it gets its names and places, is
   * pushed, and its caches are exported, when this returns; when it throws, it is removed.
   */
  readonly prove?: ((made: readonly Made[]) => Promise<void>) | undefined;
  /** Where `--output -` goes. */
  readonly stdout?: Writable | undefined;
  /** Further services of the session; they come before our own of the same name. */
  readonly services?: readonly GrpcService[] | undefined;
  /** Gets masked, harmless text only. */
  readonly onProgress?: ((event: BuildEvent) => void) | undefined;
  /** Stops the build: the engine's part of it within a second. */
  readonly signal?: AbortSignal | undefined;
  /** Replaces secrets in text that comes back from the engine; asked for every line. */
  readonly mask?: ((text: string) => string) | undefined;
}

/** Something that a build has made and that nobody else can see yet. */
export type Made =
  /** In the engine's store, by its id alone. */
  | { readonly kind: "image"; readonly id: string; readonly name: string }
  | {
      /**
       * Merged files in a folder or a tar, and images as an archive or a folder with an OCI layout.
       */
      readonly kind: "folder" | "tar" | "archive" | "layout";
      /** Where it is meanwhile; absolute. */
      readonly path: string;
      /** Where it is to go, as written. */
      readonly name: string;
    };

/** A finished build. */
export interface BuildResult {
  /** `sha256:…`; empty when no image was made: a folder, a tar, `--call`. */
  readonly imageId: string;
  readonly tags: readonly string[];
  /** How often each secret was opened; a cached step opens none. */
  readonly opened: ReadonlyMap<string, number>;
  /** Ours and BuildKit's. */
  readonly warnings: readonly string[];
  /** What the exporters answered, by their names: `containerimage.digest` and more. */
  readonly metadata: ReadonlyMap<string, string>;
}
