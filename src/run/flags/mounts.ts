/** `-v`, `--mount` and `--tmpfs`, as docker reads them. */
import { isAbsolute, posix, resolve } from "node:path";

import { UsageError } from "../../errors.ts";
import { csvFields, splitPair } from "./csv.ts";
import { parseBytes } from "./numbers.ts";

/** One element of HostConfig.Mounts. */
export interface Mount {
  Type: string;
  Source?: string;
  Target: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: Record<string, unknown>;
  VolumeOptions?: Record<string, unknown>;
  TmpfsOptions?: Record<string, unknown>;
  ImageOptions?: Record<string, unknown>;
}

/** What `-v` gives: bound folders and named volumes, and anonymous volumes. */
export interface Volumes {
  readonly Binds: readonly string[];
  readonly Volumes: Readonly<Record<string, Record<string, never>>>;
}

/**
 * Reads `-v [SOURCE:]TARGET[:OPTIONS]`. A source that starts with `.` or `~` is taken relative to
 * `cwd`, as docker's own client does; a plain word is the name of a volume.
 *
 * @throws {@link UsageError} USAGE for an empty part, more than three parts, or a source with a
 *   relative target
 */
export function parseVolumes(specs: readonly string[], cwd: string): Volumes {
  const binds: string[] = [];
  const volumes: Record<string, Record<string, never>> = {};
  for (const spec of new Set(specs)) {
    const parts = spec.split(":");
    const [source = "", target] = parts;
    if (parts.length > 3 || parts.includes("")) throw invalidVolume(spec);
    // the engine takes a relative one as seen from the root
    if (target === undefined) volumes[source] = {};
    else {
      absolute(target, spec);
      binds.push(
        [source.startsWith(".") ? resolve(cwd, source) : source, ...parts.slice(1)].join(":"),
      );
    }
  }
  return { Binds: binds, Volumes: volumes };
}

/**
 * Reads `--tmpfs TARGET[:OPTIONS]`.
 *
 * @throws {@link UsageError} USAGE for a relative target
 */
export function parseTmpfs(specs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    specs.map((spec) => {
      const [target = "", ...options] = spec.split(":");
      return [absolute(target, spec), options.join(":")];
    }),
  );
}

/**
 * Reads `--mount type=…,source=…,target=…`, one CSV line each.
 *
 * @throws {@link UsageError} USAGE for an unknown key, a bad value or a missing target
 */
export function parseMount(spec: string, cwd: string): Mount {
  const mount: Mount = { Type: "volume", Target: "" };
  const fields = csvFields(spec);
  if (fields === null) throw invalidMount("the quotes do not match");
  for (const field of fields) applyField(mount, field);
  if (mount.Target === "") throw invalidMount("target is required");
  if (mount.Source?.startsWith(".") === true) mount.Source = resolve(cwd, mount.Source);
  checkMixture(mount);
  checkRecursion(mount);
  return mount;
}

/** Options of one type make no sense with another. */
function checkMixture(mount: Mount): void {
  for (const type of ["bind", "volume", "tmpfs", "image"] as const) {
    const found = mount[OPTIONS_OF[type]] !== undefined;
    if (found && mount.Type !== type) throw invalidMount(`${type}-… is not for a ${mount.Type}`);
  }
  if (mount.Type === "tmpfs" && mount.Source !== undefined) {
    throw invalidMount("a tmpfs has no source");
  }
}

const OPTIONS_OF = {
  bind: "BindOptions",
  volume: "VolumeOptions",
  tmpfs: "TmpfsOptions",
  image: "ImageOptions",
} as const;

function checkRecursion({ ReadOnly, BindOptions: options = {} }: Mount): void {
  const isForced = options["ReadOnlyForceRecursive"] === true;
  if ((isForced || options["ReadOnlyNonRecursive"] === true) && ReadOnly !== true) {
    throw invalidMount("bind-recursive=readonly and =writable need readonly");
  }
  if (isForced && options["Propagation"] !== "rprivate") {
    throw invalidMount("bind-recursive=readonly needs bind-propagation=rprivate");
  }
}

function applyField(mount: Mount, field: string): void {
  const at = field.indexOf("=");
  const key = (at < 0 ? field : field.slice(0, at)).toLowerCase();
  const apply = Object.hasOwn(MOUNT_KEYS, key) ? MOUNT_KEYS[key] : undefined;
  if (apply === undefined) throw invalidMount(`unknown key ${JSON.stringify(key)}`);
  if (at < 0 && !SWITCHES.has(key)) throw invalidMount(`${key} needs a value`);
  apply(mount, at < 0 ? "true" : field.slice(at + 1));
}

/** Targets of the user's own mounts: a secret can't lie at the same path. */
export function mountTargets(o: {
  readonly volumes: Volumes;
  readonly mounts: readonly Mount[];
  readonly tmpfs: Readonly<Record<string, string>>;
}): string[] {
  return [
    ...Object.keys(o.volumes.Volumes),
    ...o.volumes.Binds.map((bind) => bind.split(":")[1] ?? ""),
    ...o.mounts.map((mount) => mount.Target),
    ...Object.keys(o.tmpfs),
  ].map((target) => posix.resolve("/", target));
}

type Apply = (mount: Mount, value: string) => void;

const SWITCHES: ReadonlySet<string> = new Set([
  "readonly",
  "ro",
  "volume-nocopy",
  "bind-nonrecursive",
]);

const setSource: Apply = (mount, value) => (mount.Source = value);
const setTarget: Apply = (mount, value) => (mount.Target = absolute(value, value));
const setReadOnly: Apply = (mount, value) => (mount.ReadOnly = boolean(value));

const MOUNT_KEYS: Readonly<Record<string, Apply>> = {
  type: (mount, value) => {
    if (!Object.hasOwn(OPTIONS_OF, value.toLowerCase())) {
      throw invalidMount("type is bind, volume, tmpfs or image");
    }
    mount.Type = value.toLowerCase();
  },
  source: setSource,
  src: setSource,
  target: setTarget,
  destination: setTarget,
  dst: setTarget,
  readonly: setReadOnly,
  ro: setReadOnly,
  consistency: (mount, value) => (mount.Consistency = value.toLowerCase()),
  "bind-propagation": (mount, value) => bindOption(mount, "Propagation", value.toLowerCase()),
  "bind-nonrecursive": (mount, value) => bindOption(mount, "NonRecursive", boolean(value)),
  "bind-recursive": (mount, value) => {
    const option = RECURSION.get(value);
    if (option === undefined) {
      throw invalidMount("bind-recursive is enabled, disabled, writable or readonly");
    }
    if (option !== null) bindOption(mount, option, true);
  },
  "volume-nocopy": (mount, value) => volumeOption(mount, "NoCopy", boolean(value)),
  "volume-subpath": (mount, value) => volumeOption(mount, "Subpath", value),
  "volume-label": (mount, value) => volumeMap(mount, "Labels", value),
  "volume-driver": (mount, value) => driver(mount, { Name: value }),
  "volume-opt": (mount, value) => {
    const [key, text = ""] = splitPair(value);
    const before = (mount.VolumeOptions?.["DriverConfig"] ?? {}) as { Options?: object };
    driver(mount, { Options: { ...before.Options, [key]: text } });
  },
  "image-subpath": (mount, value) => (mount.ImageOptions = { Subpath: value }),
  "tmpfs-size": (mount, value) => tmpfsOption(mount, "SizeBytes", parseBytes(value, "tmpfs-size")),
  "tmpfs-mode": (mount, value) => {
    if (!/^[0-7]{1,4}$/.test(value)) throw invalidMount("tmpfs-mode is octal");
    tmpfsOption(mount, "Mode", Number.parseInt(value, 8));
  },
};

/** What `bind-recursive` sets; null is the engine's own choice. */
const RECURSION: ReadonlyMap<string, string | null> = new Map([
  ["enabled", null],
  ["disabled", "NonRecursive"],
  ["writable", "ReadOnlyNonRecursive"],
  ["readonly", "ReadOnlyForceRecursive"],
]);

function bindOption(mount: Mount, key: string, value: unknown): void {
  mount.BindOptions = { ...mount.BindOptions, [key]: value };
}

function volumeOption(mount: Mount, key: string, value: unknown): void {
  mount.VolumeOptions = { ...mount.VolumeOptions, [key]: value };
}

function tmpfsOption(mount: Mount, key: string, value: unknown): void {
  mount.TmpfsOptions = { ...mount.TmpfsOptions, [key]: value };
}

function volumeMap(mount: Mount, key: string, value: string): void {
  const [name, text = ""] = splitPair(value);
  const before = mount.VolumeOptions?.[key] ?? {};
  volumeOption(mount, key, { ...before, [name]: text });
}

function driver(mount: Mount, part: object): void {
  const before = mount.VolumeOptions?.["DriverConfig"] ?? {};
  volumeOption(mount, "DriverConfig", { ...before, ...part });
}

function boolean(value: string): boolean {
  if (/^(?:1|t|true)$/i.test(value)) return true;
  if (/^(?:0|f|false)$/i.test(value)) return false;
  throw invalidMount("a switch is true or false");
}

/** Targets are paths in a Linux container, whatever the client's system. */
function absolute(target: string, spec: string): string {
  if (!isAbsolute(target) && !target.startsWith("/")) throw invalidVolume(spec);
  return target;
}

function invalidVolume(spec: string): UsageError {
  return new UsageError(
    "USAGE",
    `${JSON.stringify(spec)} is not a mount: want [SOURCE:]TARGET[:OPTIONS] with an absolute target`,
  );
}

function invalidMount(why: string): UsageError {
  return new UsageError("USAGE", `--mount can't be read: ${why}`);
}
