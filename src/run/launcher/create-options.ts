/** Somebody's create request, as dockerode takes it, seen as options of `run`, and back again. Pure. */
import type { CreateBody } from "../create-body.ts";
import type { ContainerOptions, Env } from "../options.ts";

/** The part of a create request that is looked at; dockerode's `ContainerCreateOptions` fits. */
export interface CreateOptions {
  readonly name?: string | undefined;
  readonly platform?: string | undefined;
  readonly Image?: string | undefined;
  readonly User?: string | undefined;
  readonly WorkingDir?: string | undefined;
  readonly Env?: readonly string[] | undefined;
  readonly Entrypoint?: Words | undefined;
  readonly Cmd?: Words | undefined;
  readonly Labels?: Readonly<Record<string, string>> | undefined;
  readonly Volumes?: Readonly<Record<string, object>> | undefined;
  /** Any: one without a field that is looked at fits, too. */
  readonly HostConfig?: CreateHostConfig | object | undefined;
}

/** Engines read one text as a list with one word. */
type Words = string | readonly string[] | null;

interface CreateHostConfig {
  readonly AutoRemove?: boolean | undefined;
  readonly Binds?: readonly string[] | undefined;
  readonly Mounts?: readonly { readonly Target: string }[] | undefined;
  readonly Tmpfs?: Readonly<Record<string, string>> | undefined;
  readonly RestartPolicy?: RestartPolicy | undefined;
  readonly CapAdd?: readonly string[] | undefined;
}

interface RestartPolicy {
  readonly Name?: string | undefined;
  readonly MaximumRetryCount?: number | undefined;
}

/** Read by dockerode itself, and never sent. */
const CLIENT_FIELDS = ["abortSignal", "authconfig"] as const;

/** What of a create request the way of secrets depends on. */
export function optionsOf(request: CreateOptions): ContainerOptions {
  const host = hostConfigOf(request);
  return {
    name: request.name,
    platform: request.platform,
    // an empty text is the image's own
    user: request.User === "" ? undefined : request.User,
    workdir: request.WorkingDir === "" ? undefined : request.WorkingDir,
    env: request.Env,
    // for their targets only: the mounts themselves stay in the request
    volume: targetsOf(request),
    rm: host.AutoRemove,
    restart: restartOf(host.RestartPolicy),
    capAdd: host.CapAdd,
    detach: true,
  };
}

/**
 * A variable without a value takes the image's own out, in a create request; in docker's options it
 * would be the client's.
 */
export function withoutNames(env: Env, request: CreateOptions): Env {
  const bare = new Set((request.Env ?? []).filter((text) => !text.includes("=")));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !bare.has(name)));
}

/** The request without what goes into its query and what comes from the secrets. */
export function bodyOf(request: CreateOptions): CreateBody {
  const left = new Set<string>(["name", "platform", "Env", ...CLIENT_FIELDS]);
  const fields = Object.entries(request).filter(([name]) => !left.has(name));
  const { Entrypoint, Cmd } = request;
  return {
    HostConfig: {},
    ...Object.fromEntries(fields),
    // a gate in front of them counts words
    ...(typeof Entrypoint === "string" ? { Entrypoint: [Entrypoint] } : {}),
    ...(typeof Cmd === "string" ? { Cmd: [Cmd] } : {}),
  } as unknown as CreateBody;
}

/** A request for dockerode, whose body it does not copy into the URL. */
export type Request<T> = Partial<T> & {
  readonly _query: Readonly<Record<string, string>>;
  readonly _body: CreateBody;
};

/** Of the given request only what dockerode reads itself stays outside of query and body. */
export function requestOf<T extends CreateOptions>(request: T, body: CreateBody): Request<T> {
  const { name, platform } = request;
  const own = Object.entries(request).filter(([key]) => CLIENT_FIELDS.some((one) => one === key));
  return {
    ...(Object.fromEntries(own) as Partial<T>),
    _query: {
      ...(name === undefined ? {} : { name }),
      ...(platform === undefined ? {} : { platform }),
    },
    _body: body,
  };
}

function hostConfigOf({ HostConfig = {} }: CreateOptions): CreateHostConfig {
  return HostConfig;
}

function targetsOf(request: CreateOptions): string[] {
  const host = hostConfigOf(request);
  return [
    ...(host.Binds ?? []).map((bind) => bind.split(":")[1] ?? ""),
    ...(host.Mounts ?? []).map(({ Target }) => Target),
    ...Object.keys(host.Tmpfs ?? {}),
    ...Object.keys(request.Volumes ?? {}),
  ];
}

function restartOf({ Name = "", MaximumRetryCount = 0 }: RestartPolicy = {}): string | undefined {
  if (Name === "") return undefined;
  return MaximumRetryCount > 0 ? `${Name}:${MaximumRetryCount}` : Name;
}
