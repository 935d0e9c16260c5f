/** From docker's options to the body of `POST /containers/create`: pure, table-tested. */
import { compareApi } from "../docker/version.ts";
import { UsageError } from "../errors.ts";
import type { ContainerOptions } from "./container-options.ts";
import { parseRestart, restarts } from "./flags/limits.ts";
import { mountTargets, parseMount, parseTmpfs, parseVolumes } from "./flags/mounts.ts";
import { checkMac } from "./flags/networks.ts";
import { parseInteger } from "./flags/numbers.ts";
import { parsePorts } from "./flags/ports.ts";
import { checkDetachKeys, parseAttach, parseLabels } from "./flags/words.ts";
import { healthcheckOf } from "./health.ts";
import type { Healthcheck } from "./health.ts";
import { hostConfigOf } from "./host-config.ts";
import type { HostConfig, HostContext } from "./host-config.ts";
import { networkingOf } from "./networking.ts";
import type { Endpoint } from "./networking.ts";
import { given, present } from "./present.ts";

/** The body of a create request. `Env` holds values: never print it whole. */
export interface CreateBody {
  readonly Image: string;
  readonly Cmd?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Env?: readonly string[];
  readonly Hostname?: string;
  readonly Domainname?: string;
  readonly MacAddress?: string;
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>;
  readonly Healthcheck?: Healthcheck;
  readonly StopSignal?: string;
  /** Seconds. */
  readonly StopTimeout?: number;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly StdinOnce?: boolean;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly HostConfig: HostConfig;
  readonly NetworkingConfig?: { readonly EndpointsConfig: Readonly<Record<string, Endpoint>> };
}

/** What the options alone do not say. */
export interface BodyContext extends HostContext {
  readonly image: string;
  readonly command: readonly string[];
  /** Agreed on with the engine; when left out, the newest. */
  readonly api?: string | undefined;
}

/** First version with a MAC address for each network. */
const MAC_PER_NETWORK = "1.44";

/**
 * Builds the body without environment and secrets; both are added where it is sent.
 *
 * @throws {@link UsageError} USAGE for an option docker would refuse, USAGE_CONFLICT for options
 *   that exclude each other
 */
export function toCreateBody(options: ContainerOptions, context: BodyContext): CreateBody {
  refuseConflicts(options);
  given(options.detachKeys, checkDetachKeys);
  // an old engine knows one address, which is the container's own
  const isOld = compareApi(context.api ?? MAC_PER_NETWORK, MAC_PER_NETWORK) < 0;
  const networked = isOld ? { ...options, macAddress: undefined } : options;
  const { endpoints } = networkingOf(networked);
  const body = present<Omit<CreateBody, "HostConfig">>({
    Image: context.image,
    Cmd: context.command,
    Entrypoint: given(options.entrypoint, (program) => [program]),
    Hostname: options.hostname,
    Domainname: options.domainname,
    MacAddress: isOld
      ? given(options.macAddress, (mac) => checkMac(mac, "mac-address"))
      : undefined,
    User: options.user,
    WorkingDir: options.workdir,
    Labels: parseLabels(options.label ?? []),
    ExposedPorts: parsePorts(options.publish ?? [], options.expose).ExposedPorts,
    Volumes: parseVolumes(options.volume ?? [], context.cwd).Volumes,
    Healthcheck: healthcheckOf(options),
    StopSignal: options.stopSignal,
    StopTimeout: given(options.stopTimeout, (seconds) => parseInteger(seconds, "stop-timeout")),
    NetworkingConfig: present({ EndpointsConfig: endpoints }),
    ...streamFields(options),
  });
  return { ...body, HostConfig: hostConfigOf(networked, context) };
}

/** Targets that the user's own mounts take. */
export function targetsOf(options: ContainerOptions, cwd: string): string[] {
  return mountTargets({
    volumes: parseVolumes(options.volume ?? [], cwd),
    mounts: (options.mount ?? []).map((spec) => parseMount(spec, cwd)),
    tmpfs: parseTmpfs(options.tmpfs ?? []),
  });
}

/** Which of the program's streams the client is attached to. */
export interface Streams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** `--attach`, else both outputs; input as well with `--interactive`; none when detached. */
export function streamsOf(options: ContainerOptions): Streams {
  const named = parseAttach(options.attach ?? []);
  const attached = options.detach !== true;
  const outputs = named.size === 0;
  return {
    stdin: attached && (options.interactive === true || named.has("stdin")),
    stdout: attached && (outputs || named.has("stdout")),
    stderr: attached && (outputs || named.has("stderr")),
  };
}

function streamFields(options: ContainerOptions): Partial<CreateBody> {
  const { stdin, stdout, stderr } = streamsOf(options);
  return {
    Tty: options.tty === true,
    OpenStdin: options.interactive === true,
    StdinOnce: options.interactive === true && stdin,
    AttachStdin: stdin,
    AttachStdout: stdout,
    AttachStderr: stderr,
  };
}

function refuseConflicts(options: ContainerOptions): void {
  if (options.rm === true && restarts(given(options.restart, parseRestart))) {
    throw new UsageError("USAGE_CONFLICT", "--rm and --restart exclude each other");
  }
  if (options.detach === true && (options.attach ?? []).length > 0) {
    throw new UsageError("USAGE_CONFLICT", "--attach and --detach exclude each other");
  }
}
