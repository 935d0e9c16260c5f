/** Devices: `--device`, `--device-cgroup-rule`, and limits on reading and writing them. */
import { UsageError } from "../../errors.ts";
import { parseBytes, parseInteger } from "./numbers.ts";

/** One element of HostConfig.Devices. */
export interface Device {
  readonly PathOnHost: string;
  readonly PathInContainer: string;
  /** Of `r` read, `w` write, `m` mknod. */
  readonly CgroupPermissions: string;
}

/** Bytes or operations a second. */
export interface Throttle {
  readonly Path: string;
  readonly Rate: number;
}

/** Share of input and output, 10 to 1000; 0 switches it off. */
export interface Weight {
  readonly Path: string;
  readonly Weight: number;
}

/** Names of the Container Device Interface (`vendor.com/class=name`), and paths. */
export interface Devices {
  readonly paths: readonly Device[];
  readonly cdi: readonly string[];
}

/** `vendor/class=device` of the Container Device Interface's specification. */
const CDI = /^[a-z][\w.-]*[a-z\d]\/[a-z](?:[\w.-]*[a-z\d])?=[a-z\d](?:[\w.:-]*[a-z\d])?$/i;
const DEVICE = /^(?<source>[^:]+)(?::(?<target>\/[^:]*))?(?::(?<permissions>[rwm]{1,3}))?$/;
const DEFAULT_PERMISSIONS = "rwm";

/**
 * Reads `--device SOURCE[:TARGET][:PERMISSIONS]`, each.
 *
 * @throws {@link UsageError} USAGE
 */
export function parseDevices(texts: readonly string[]): Devices {
  return {
    paths: texts.filter((text) => !CDI.test(text)).map(parseDevice),
    cdi: texts.filter((text) => CDI.test(text)),
  };
}

function parseDevice(text: string): Device {
  const match = DEVICE.exec(text);
  const { source = "", target, permissions = DEFAULT_PERMISSIONS } = match?.groups ?? {};
  // each letter at most once
  const isRight = new Set(permissions).size === permissions.length;
  if (match === null || !isRight || !(target ?? source).startsWith("/")) {
    throw new UsageError("USAGE", `--device ${JSON.stringify(text)} is not a device`, {
      hint: "write SOURCE[:TARGET][:PERMISSIONS], such as /dev/fuse or /dev/sda:/dev/xvda:r",
    });
  }
  return {
    PathOnHost: source,
    PathInContainer: target ?? source,
    CgroupPermissions: permissions,
  };
}

/**
 * Checks `--device-cgroup-rule 'TYPE MAJOR:MINOR PERMISSIONS'`.
 *
 * @throws {@link UsageError} USAGE
 */
export function parseDeviceRule(text: string): string {
  if (/^[acb] (?:\d+|\*):(?:\d+|\*) [rwm]{1,3}$/.test(text)) return text;
  throw new UsageError("USAGE", `--device-cgroup-rule ${JSON.stringify(text)} is not a rule`, {
    hint: "write 'c 1:3 rwm', with * for any number",
  });
}

/** Reads `--device-read-bps PATH:SIZE` and its like. @throws {@link UsageError} USAGE */
export function parseByteRate(text: string, option: string): Throttle {
  const [path, rate] = pathAndNumber(text, option);
  return { Path: path, Rate: parseBytes(rate, option) };
}

/** Reads `--device-read-iops PATH:N` and its like. @throws {@link UsageError} USAGE */
export function parseRate(text: string, option: string): Throttle {
  const [path, rate] = pathAndNumber(text, option);
  return { Path: path, Rate: parseInteger(rate, option, { min: 0, max: Number.MAX_SAFE_INTEGER }) };
}

/** Reads `--blkio-weight-device PATH:WEIGHT`. @throws {@link UsageError} USAGE */
export function parseWeightDevice(text: string): Weight {
  const option = "blkio-weight-device";
  const [path, weight] = pathAndNumber(text, option);
  return { Path: path, Weight: weight === "0" ? 0 : parseInteger(weight, option, WEIGHTS) };
}

/** Weights of cgroups. */
const WEIGHTS = { min: 10, max: 1000 };

function pathAndNumber(text: string, option: string): [string, string] {
  const match = /^(\/dev\/[^:]*):(.+)$/.exec(text);
  if (match !== null) return [match[1] ?? "", match[2] ?? ""];
  throw new UsageError("USAGE", `--${option} ${JSON.stringify(text)} is not /dev/…:NUMBER`);
}
