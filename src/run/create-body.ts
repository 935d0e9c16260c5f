/** From docker's options to the body of `POST /containers/create`: pure, table-tested. */
import { UsageError } from "../errors.ts";
import { parseBytes, parseCpus, parseRestart, parseUlimit, restarts } from "./flags/limits.ts";
import type { RestartPolicy, Ulimit } from "./flags/limits.ts";
import { mountTargets, parseMount, parseTmpfs, parseVolumes } from "./flags/mounts.ts";
import type { Mount } from "./flags/mounts.ts";
import { parsePorts } from "./flags/ports.ts";
import type { PortBinding } from "./flags/ports.ts";
import { parseAddHost, parseLabels, parseSecurityOpt } from "./flags/words.ts";
import type { ContainerOptions } from "./options.ts";

/** The part of HostConfig that `run` sets. */
export interface HostConfig {
  readonly AutoRemove?: boolean;
  readonly Binds?: readonly string[];
  readonly Mounts?: readonly Mount[];
  readonly Tmpfs?: Readonly<Record<string, string>>;
  readonly PortBindings?: Readonly<Record<string, readonly PortBinding[]>>;
  readonly PublishAllPorts?: boolean;
  readonly NetworkMode?: string;
  readonly ExtraHosts?: readonly string[];
  readonly RestartPolicy?: RestartPolicy;
  readonly ReadonlyRootfs?: boolean;
  readonly CapAdd?: readonly string[];
  readonly CapDrop?: readonly string[];
  readonly SecurityOpt?: readonly string[];
  readonly Init?: boolean;
  readonly Ulimits?: readonly Ulimit[];
  readonly Memory?: number;
  readonly NanoCpus?: number;
}

/** The body of a create request. `Env` holds values: never print it whole. */
export interface CreateBody {
  readonly Image: string;
  readonly Cmd?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Env?: readonly string[];
  readonly Hostname?: string;
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>;
  readonly StopSignal?: string;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly StdinOnce?: boolean;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly HostConfig: HostConfig;
}

/** What the options alone do not say. */
export interface BodyContext {
  readonly image: string;
  readonly command: readonly string[];
  readonly cwd: string;
  /** Contents of seccomp profiles by the path that the option names. */
  readonly profiles?: ReadonlyMap<string, string>;
}

/**
 * Builds the body without environment and secrets; both are added where it is sent.
 *
 * @throws {@link UsageError} USAGE for an option docker would refuse, USAGE_CONFLICT for options
 *   that exclude each other
 */
export function toCreateBody(options: ContainerOptions, context: BodyContext): CreateBody {
  refuseConflicts(options);
  const ports = parsePorts(options.publish ?? []);
  const volumes = parseVolumes(options.volume ?? [], context.cwd);
  const hostConfig = present<HostConfig>({
    ...limitsOf(options),
    ...securityOf(options, context.profiles ?? new Map<string, string>()),
    AutoRemove: options.rm,
    Binds: volumes.Binds,
    Mounts: (options.mount ?? []).map((spec) => parseMount(spec, context.cwd)),
    Tmpfs: parseTmpfs(options.tmpfs ?? []),
    PortBindings: ports.PortBindings,
    PublishAllPorts: options.publishAll,
    NetworkMode: networkOf(options.network),
    ExtraHosts: (options.addHost ?? []).map(parseAddHost),
    Init: options.init,
  });
  const body = present<Omit<CreateBody, "HostConfig">>({
    Image: context.image,
    Cmd: context.command,
    Entrypoint: options.entrypoint === undefined ? undefined : [options.entrypoint],
    Hostname: options.hostname,
    User: options.user,
    WorkingDir: options.workdir,
    Labels: parseLabels(options.label ?? []),
    ExposedPorts: ports.ExposedPorts,
    Volumes: volumes.Volumes,
    StopSignal: options.stopSignal,
    ...streamsOf(options),
  });
  return { ...body, HostConfig: hostConfig };
}

/** Targets that the user's own mounts take. */
export function targetsOf(options: ContainerOptions, cwd: string): string[] {
  return mountTargets({
    volumes: parseVolumes(options.volume ?? [], cwd),
    mounts: (options.mount ?? []).map((spec) => parseMount(spec, cwd)),
    tmpfs: parseTmpfs(options.tmpfs ?? []),
  });
}

function streamsOf(options: ContainerOptions): Partial<CreateBody> {
  const attached = options.detach !== true;
  const stdin = options.interactive === true;
  return {
    Tty: options.tty === true,
    OpenStdin: stdin,
    StdinOnce: stdin && attached,
    AttachStdin: stdin && attached,
    AttachStdout: attached,
    AttachStderr: attached,
  };
}

function limitsOf(options: ContainerOptions): Partial<HostConfig> {
  return present<Partial<HostConfig>>({
    RestartPolicy: options.restart === undefined ? undefined : parseRestart(options.restart),
    Ulimits: (options.ulimit ?? []).map(parseUlimit),
    Memory: options.memory === undefined ? undefined : parseBytes(options.memory, "memory"),
    NanoCpus: options.cpus === undefined ? undefined : parseCpus(options.cpus),
  });
}

function securityOf(
  options: ContainerOptions,
  profiles: ReadonlyMap<string, string>,
): Partial<HostConfig> {
  return present<Partial<HostConfig>>({
    ReadonlyRootfs: options.readOnly,
    CapAdd: options.capAdd,
    CapDrop: options.capDrop,
    SecurityOpt: (options.securityOpt ?? []).map((text) => parseSecurityOpt(text, profiles)),
  });
}

function networkOf(network: string | undefined): string | undefined {
  if (network?.includes("=") === true) {
    throw new UsageError("USAGE", "--network takes a name, not name=…,alias=…");
  }
  return network;
}

function refuseConflicts(options: ContainerOptions): void {
  const policy = options.restart === undefined ? undefined : parseRestart(options.restart);
  if (options.rm === true && restarts(policy)) {
    throw new UsageError("USAGE_CONFLICT", "--rm and --restart exclude each other");
  }
}

type Loose<T> = { readonly [K in keyof T]: T[K] | undefined };

/** Leaves out what was not asked for: the engine's own defaults stay in force. */
function present<T extends object>(fields: Loose<T>): T {
  const kept = Object.entries(fields).filter(([, value]) => value !== undefined && !isEmpty(value));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only optional fields are left out
  return Object.fromEntries(kept) as T;
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.keys(value).length === 0;
}
