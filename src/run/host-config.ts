/** The HostConfig of a create request: pure, table-tested. */
import type { ContainerOptions } from "./container-options.ts";
import {
  parseByteRate,
  parseDeviceRule,
  parseDevices,
  parseRate,
  parseWeightDevice,
} from "./flags/devices.ts";
import type { Device, Throttle, Weight } from "./flags/devices.ts";
import { mapOfPairs } from "./flags/csv.ts";
import { parseGpus } from "./flags/gpus.ts";
import type { DeviceRequest } from "./flags/gpus.ts";
import { parseRestart, parseUlimits } from "./flags/limits.ts";
import type { RestartPolicy, Ulimit } from "./flags/limits.ts";
import { parseMount, parseTmpfs, parseVolumes } from "./flags/mounts.ts";
import type { Mount } from "./flags/mounts.ts";
import { checkIp, checkSearchDomain } from "./flags/networks.ts";
import { parseBytes, parseCpus, parseInteger, parseSwap } from "./flags/numbers.ts";
import type { Range } from "./flags/numbers.ts";
import { parsePorts } from "./flags/ports.ts";
import type { PortBinding } from "./flags/ports.ts";
import {
  checkNamespace,
  parseAddHost,
  parseLogging,
  parseSecurity,
  parseStorageOptions,
  parseSysctls,
} from "./flags/words.ts";
import type { LogConfig, Security } from "./flags/words.ts";
import { networkingOf } from "./networking.ts";
import { given, present } from "./present.ts";

type Texts = readonly string[];
type Pairs = Readonly<Record<string, string>>;

/** The part of HostConfig that `run` sets. */
export interface HostConfig extends Partial<Security> {
  readonly AutoRemove?: boolean;
  readonly ContainerIDFile?: string;
  readonly RestartPolicy?: RestartPolicy;
  readonly Init?: boolean;
  readonly LogConfig?: LogConfig;
  /** Height and width of the terminal, in characters. */
  readonly ConsoleSize?: readonly [rows: number, columns: number];
  readonly Annotations?: Pairs;
  readonly Runtime?: string;
  readonly Isolation?: string;

  readonly Binds?: Texts;
  readonly Mounts?: readonly Mount[];
  readonly Tmpfs?: Pairs;
  readonly VolumeDriver?: string;
  readonly VolumesFrom?: Texts;
  readonly ReadonlyRootfs?: boolean;
  readonly StorageOpt?: Pairs;
  readonly ShmSize?: number;

  readonly NetworkMode?: string;
  readonly PortBindings?: Readonly<Record<string, readonly PortBinding[]>>;
  readonly PublishAllPorts?: boolean;
  readonly Links?: Texts;
  readonly ExtraHosts?: Texts;
  readonly Dns?: Texts;
  readonly DnsSearch?: Texts;
  readonly DnsOptions?: Texts;

  readonly Privileged?: boolean;
  readonly CapAdd?: Texts;
  readonly CapDrop?: Texts;
  readonly GroupAdd?: Texts;
  readonly Sysctls?: Pairs;
  readonly IpcMode?: string;
  readonly PidMode?: string;
  readonly UTSMode?: string;
  readonly UsernsMode?: string;
  readonly CgroupnsMode?: string;
  readonly CgroupParent?: string;

  readonly Memory?: number;
  /** -1 is unlimited. */
  readonly MemorySwap?: number;
  readonly MemoryReservation?: number;
  readonly MemorySwappiness?: number;
  readonly OomKillDisable?: boolean;
  readonly OomScoreAdj?: number;
  /** Billionths of a CPU. */
  readonly NanoCpus?: number;
  readonly CpuShares?: number;
  /** These four in microseconds. */
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
  readonly CpuRealtimePeriod?: number;
  readonly CpuRealtimeRuntime?: number;
  readonly CpusetCpus?: string;
  readonly CpusetMems?: string;
  readonly PidsLimit?: number;
  readonly Ulimits?: readonly Ulimit[];
  readonly BlkioWeight?: number;
  readonly BlkioWeightDevice?: readonly Weight[];
  readonly BlkioDeviceReadBps?: readonly Throttle[];
  readonly BlkioDeviceWriteBps?: readonly Throttle[];
  readonly BlkioDeviceReadIOps?: readonly Throttle[];
  readonly BlkioDeviceWriteIOps?: readonly Throttle[];

  readonly Devices?: readonly Device[];
  readonly DeviceCgroupRules?: Texts;
  readonly DeviceRequests?: readonly DeviceRequest[];
}

/** What the options alone do not say. */
export interface HostContext {
  readonly cwd: string;
  /** Contents of seccomp profiles by the path that the option names. */
  readonly profiles?: ReadonlyMap<string, string> | undefined;
  readonly consoleSize?: readonly [rows: number, columns: number] | undefined;
}

/** @throws {@link UsageError} USAGE and USAGE_CONFLICT, as the parsers do */
export function hostConfigOf(options: ContainerOptions, context: HostContext): HostConfig {
  return {
    ...present<HostConfig>({
      AutoRemove: options.rm,
      ContainerIDFile: options.cidfile,
      RestartPolicy: given(options.restart, parseRestart),
      Init: options.init,
      LogConfig: parseLogging(options.logDriver, options.logOpt ?? []),
      ConsoleSize: context.consoleSize,
      Annotations: mapOfPairs(options.annotation ?? []),
      Runtime: options.runtime,
      Isolation: options.isolation,
    }),
    ...mountsOf(options, context),
    ...networkOf(options),
    ...rightsOf(options),
    ...memoryOf(options),
    ...cpusOf(options),
    ...throttlesOf(options),
    ...devicesOf(options),
    // not through `present`: empty lists have a meaning here
    ...securityOf(options, context),
  };
}

function mountsOf(options: ContainerOptions, { cwd }: HostContext): HostConfig {
  return present<HostConfig>({
    Binds: parseVolumes(options.volume ?? [], cwd).Binds,
    Mounts: (options.mount ?? []).map((spec) => parseMount(spec, cwd)),
    Tmpfs: parseTmpfs(options.tmpfs ?? []),
    VolumeDriver: options.volumeDriver,
    VolumesFrom: options.volumesFrom,
    ReadonlyRootfs: options.readOnly,
    StorageOpt: parseStorageOptions(options.storageOpt ?? []),
    ShmSize: size(options.shmSize, "shm-size"),
  });
}

function networkOf(options: ContainerOptions): HostConfig {
  const { networkMode, links } = networkingOf(options);
  return present<HostConfig>({
    NetworkMode: networkMode,
    PortBindings: parsePorts(options.publish ?? []).PortBindings,
    PublishAllPorts: options.publishAll,
    Links: links,
    ExtraHosts: (options.addHost ?? []).map(parseAddHost),
    Dns: (options.dns ?? []).map((address) => checkIp(address, "dns")),
    DnsSearch: (options.dnsSearch ?? []).map(checkSearchDomain),
    DnsOptions: options.dnsOption,
  });
}

function rightsOf(options: ContainerOptions): HostConfig {
  return present<HostConfig>({
    Privileged: options.privileged,
    CapAdd: options.capAdd,
    CapDrop: options.capDrop,
    GroupAdd: options.groupAdd,
    Sysctls: parseSysctls(options.sysctl ?? []),
    IpcMode: options.ipc,
    PidMode: given(options.pid, (mode) => checkNamespace("pid", mode)),
    UTSMode: given(options.uts, (mode) => checkNamespace("uts", mode)),
    UsernsMode: given(options.userns, (mode) => checkNamespace("userns", mode)),
    CgroupnsMode: given(options.cgroupns, (mode) => checkNamespace("cgroupns", mode)),
    CgroupParent: options.cgroupParent,
  });
}

function memoryOf(options: ContainerOptions): HostConfig {
  return present<HostConfig>({
    Memory: size(options.memory, "memory"),
    MemorySwap: given(options.memorySwap, parseSwap),
    MemoryReservation: size(options.memoryReservation, "memory-reservation"),
    MemorySwappiness: integer(options.memorySwappiness, "memory-swappiness", { min: -1, max: 100 }),
    OomKillDisable: options.oomKillDisable,
    OomScoreAdj: integer(options.oomScoreAdj, "oom-score-adj"),
  });
}

function cpusOf(options: ContainerOptions): HostConfig {
  return present<HostConfig>({
    NanoCpus: given(options.cpus, parseCpus),
    CpuShares: integer(options.cpuShares, "cpu-shares"),
    CpuPeriod: integer(options.cpuPeriod, "cpu-period"),
    CpuQuota: integer(options.cpuQuota, "cpu-quota"),
    CpuRealtimePeriod: integer(options.cpuRtPeriod, "cpu-rt-period"),
    CpuRealtimeRuntime: integer(options.cpuRtRuntime, "cpu-rt-runtime"),
    CpusetCpus: options.cpusetCpus,
    CpusetMems: options.cpusetMems,
    PidsLimit: integer(options.pidsLimit, "pids-limit"),
    Ulimits: parseUlimits(options.ulimit ?? []),
  });
}

function throttlesOf(options: ContainerOptions): HostConfig {
  return present<HostConfig>({
    BlkioWeight: integer(options.blkioWeight, "blkio-weight", { min: 0, max: 65_535 }),
    BlkioWeightDevice: (options.blkioWeightDevice ?? []).map(parseWeightDevice),
    BlkioDeviceReadBps: byteRates(options.deviceReadBps, "device-read-bps"),
    BlkioDeviceWriteBps: byteRates(options.deviceWriteBps, "device-write-bps"),
    BlkioDeviceReadIOps: rates(options.deviceReadIops, "device-read-iops"),
    BlkioDeviceWriteIOps: rates(options.deviceWriteIops, "device-write-iops"),
  });
}

function byteRates(texts: Texts | undefined, option: string): Throttle[] {
  return (texts ?? []).map((text) => parseByteRate(text, option));
}

function rates(texts: Texts | undefined, option: string): Throttle[] {
  return (texts ?? []).map((text) => parseRate(text, option));
}

function devicesOf(options: ContainerOptions): HostConfig {
  const { paths, cdi } = parseDevices(options.device ?? []);
  const requests = (options.gpus ?? []).map(parseGpus);
  return present<HostConfig>({
    Devices: paths,
    DeviceCgroupRules: (options.deviceCgroupRule ?? []).map(parseDeviceRule),
    DeviceRequests: cdi.length === 0 ? requests : [...requests, { Driver: "cdi", DeviceIDs: cdi }],
  });
}

function securityOf({ securityOpt = [] }: ContainerOptions, context: HostContext): HostConfig {
  const { SecurityOpt, ...paths } = parseSecurity(securityOpt, context.profiles ?? new Map());
  return { ...present<HostConfig>({ SecurityOpt }), ...paths };
}

function size(text: string | undefined, option: string): number | undefined {
  return given(text, (value) => parseBytes(value, option));
}

function integer(text: string | undefined, option: string, range?: Range): number | undefined {
  return given(text, (value) => parseInteger(value, option, range));
}
