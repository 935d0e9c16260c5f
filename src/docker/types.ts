/** The parts of Engine API answers that sealmount reads; everything else is left untyped. */

/** `GET /version` and `/_ping`, reduced. */
export interface EngineVersion {
  /** Engine's own version, such as `26.1.5+dfsg1`. */
  readonly engine: string;
  /** Negotiated API version: the smaller of the engine's and ours. */
  readonly api: string;
  readonly os: string;
  readonly arch: string;
  readonly kernel: string;
  /** Runs as a user who is not the machine's root; false where only `GET /info` would say it. */
  readonly rootless: boolean;
  readonly experimental: boolean;
  /** `Builder-Version` header: "2" BuildKit is the default, "1" it is switched off, "" not said (20.10). */
  readonly builder: string;
}

/** `GET /info`, reduced. */
export interface EngineInfo {
  /** Identity of the engine, as long as its data folder exists. */
  readonly ID: string;
  readonly ServerVersion: string;
  readonly KernelVersion: string;
  readonly OSType: string;
  readonly Architecture: string;
  readonly Driver: string;
  readonly DriverStatus?: readonly (readonly [string, string])[] | null;
  readonly SecurityOptions?: readonly string[] | null;
  readonly DockerRootDir: string;
  readonly Name: string;
  readonly NCPU: number;
  readonly MemTotal: number;
}

/** Config part of a container or image. */
export interface ImageConfig {
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Env?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Volumes?: Readonly<Record<string, unknown>> | null;
  readonly ExposedPorts?: Readonly<Record<string, unknown>> | null;
  readonly Shell?: readonly string[] | null;
  readonly StopSignal?: string;
  readonly Healthcheck?: unknown;
}

/** `GET /images/{name}/json`. */
export interface ImageInspect {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
  readonly Os: string;
  readonly Architecture: string;
  /** Such as `v7`; often missing. */
  readonly Variant?: string;
  readonly Size: number;
  readonly Config?: ImageConfig | null;
  readonly RootFS?: { readonly Layers?: readonly string[] | null };
}

/** One line of `GET /images/{name}/history`, newest first. */
export interface ImageHistoryLine {
  readonly Id: string;
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Comment: string;
  readonly Size: number;
  readonly Tags: readonly string[] | null;
}

/** `GET /containers/{id}/json`. */
export interface ContainerInspect {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly OOMKilled: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Error: string;
    /** RFC 3339; year 1 for one that never ran. */
    readonly StartedAt: string;
  };
  /** Since API 1.48, of engines with containerd's store. */
  readonly ImageManifestDescriptor?: {
    readonly platform?: { readonly os?: string; readonly architecture?: string } | null;
  } | null;
  readonly Config: ImageConfig & { readonly Tty: boolean; readonly Image: string };
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Mounts: readonly Readonly<Record<string, unknown>>[];
  readonly NetworkSettings: Readonly<Record<string, unknown>>;
}

/** One line of `GET /containers/json`. */
export interface ContainerLine {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
}

/** One volume of `GET /volumes`. */
export interface VolumeLine {
  readonly Name: string;
  readonly Driver: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Options?: Readonly<Record<string, string>> | null;
}

/** `X-Docker-Container-Path-Stat` of an archive call. `mode` is Go's FileMode, not st_mode. */
export interface PathStat {
  readonly name: string;
  readonly size: number;
  readonly mode: number;
  readonly mtime: string;
  readonly linkTarget: string;
}

/** What of a container's streams to attach to. */
export interface AttachOptions {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly logs?: boolean;
  readonly detachKeys?: string;
}
