import type { OptionSpec } from "../spec.ts";

/** `docker run`'s own options, with docker's own meaning; only `--env` is ours, docker's is -e. */

const LIFE: readonly OptionSpec[] = [
  { long: "name", value: "NAME", about: "name of the container" },
  { long: "detach", short: "d", about: "print the container's id and return" },
  { long: "rm", about: "remove the container when it ends" },
  { long: "restart", value: "POLICY", about: "restart policy" },
  { long: "init", about: "an init process inside" },
  { long: "stop-signal", value: "SIGNAL", about: "signal that stops the program" },
  { long: "stop-timeout", value: "SECONDS", about: "how long it may take to stop" },
  { long: "cidfile", value: "FILE", about: "write the container's id to a new file" },
  { long: "platform", value: "PLATFORM", about: "os/arch of the image" },
  {
    long: "pull",
    value: "WHEN",
    choices: ["always", "missing", "never"],
    fallback: "missing",
    about: "when to pull the image",
  },
  { long: "quiet", short: "q", about: "no progress of pulls" },
];

const STREAMS: readonly OptionSpec[] = [
  { long: "interactive", short: "i", about: "keep stdin open" },
  { long: "tty", short: "t", about: "give the program a terminal" },
  {
    long: "attach",
    short: "a",
    value: "STREAM",
    repeat: true,
    fallback: "stdout and stderr; stdin with --interactive",
    about: "attach stdin, stdout or stderr only",
  },
  {
    long: "detach-keys",
    value: "KEYS",
    fallback: "ctrl-p,ctrl-q",
    about: "keys that leave the program running",
  },
  { long: "sig-proxy", fallback: "true", about: "pass signals on, unless with --tty" },
];

const PROGRAM: readonly OptionSpec[] = [
  { long: "entrypoint", value: "PROGRAM", about: "in place of the image's own" },
  { long: "workdir", short: "w", value: "DIR", about: "working directory inside" },
  { long: "user", short: "u", value: "USER", about: "user inside" },
  { long: "group-add", value: "GROUP", repeat: true, about: "one more group of that user" },
  {
    long: "env-var",
    short: "e",
    value: "KEY[=VAL]",
    repeat: true,
    about: "docker's -e: a plain variable",
  },
  { long: "env-file", value: "FILE", repeat: true, about: "plain variables from a file" },
  { long: "label", short: "l", value: "KEY=VAL", repeat: true, about: "label of the container" },
  { long: "label-file", value: "FILE", repeat: true, about: "labels from a file" },
  { long: "annotation", value: "KEY=VAL", repeat: true, about: "annotation for the runtime" },
];

const HEALTH: readonly OptionSpec[] = [
  { long: "health-cmd", value: "COMMAND", about: "command that tells health" },
  { long: "health-interval", value: "TIME", about: "time between two checks, such as 30s" },
  { long: "health-timeout", value: "TIME", about: "how long a check may take" },
  { long: "health-retries", value: "N", about: "failures in a row that make it unhealthy" },
  { long: "health-start-period", value: "TIME", about: "time to start, without failures" },
  { long: "health-start-interval", value: "TIME", about: "time between checks meanwhile" },
  { long: "no-healthcheck", about: "switch the image's own check off" },
];

const NETWORK: readonly OptionSpec[] = [
  {
    long: "network",
    value: "NAME",
    repeat: true,
    about: "network to join; also name=NAME,alias=…,ip=…,driver-opt=…",
  },
  { long: "net", value: "NAME", repeat: true, about: "same as --network", hidden: true },
  { long: "network-alias", value: "NAME", repeat: true, about: "name in the network" },
  {
    long: "net-alias",
    value: "NAME",
    repeat: true,
    about: "same as --network-alias",
    hidden: true,
  },
  { long: "ip", value: "ADDRESS", about: "its IPv4 address in the network" },
  { long: "ip6", value: "ADDRESS", about: "its IPv6 address in the network" },
  { long: "link-local-ip", value: "ADDRESS", repeat: true, about: "link-local address" },
  { long: "mac-address", value: "ADDRESS", about: "its MAC address" },
  { long: "link", value: "NAME[:ALIAS]", repeat: true, about: "link to another container" },
  { long: "publish", short: "p", value: "PORTS", repeat: true, about: "publish a port" },
  { long: "publish-all", short: "P", about: "publish every exposed port" },
  { long: "expose", value: "PORTS", repeat: true, about: "expose a port or a range" },
  { long: "hostname", short: "h", value: "NAME", about: "host name inside" },
  { long: "domainname", value: "NAME", about: "domain name inside (NIS)" },
  { long: "add-host", value: "NAME:IP", repeat: true, about: "line for /etc/hosts" },
  { long: "dns", value: "ADDRESS", repeat: true, about: "name server" },
  { long: "dns-search", value: "DOMAIN", repeat: true, about: "domain to search" },
  { long: "dns-option", value: "OPT", repeat: true, about: "option for resolv.conf" },
  { long: "dns-opt", value: "OPT", repeat: true, about: "same as --dns-option", hidden: true },
];

const MOUNTS: readonly OptionSpec[] = [
  { long: "volume", short: "v", value: "SPEC", repeat: true, about: "mount a folder or volume" },
  { long: "volume-driver", value: "NAME", about: "driver for the volumes of -v" },
  { long: "volumes-from", value: "NAME", repeat: true, about: "mounts of another container" },
  { long: "mount", value: "SPEC", repeat: true, about: "mount, long form" },
  { long: "tmpfs", value: "SPEC", repeat: true, about: "mount a tmpfs" },
  { long: "read-only", about: "read-only root file system" },
  { long: "storage-opt", value: "KEY=VAL", repeat: true, about: "option of the storage driver" },
  { long: "shm-size", value: "SIZE", about: "size of /dev/shm" },
];

const RIGHTS: readonly OptionSpec[] = [
  { long: "privileged", about: "all rights of the host's root" },
  { long: "cap-add", value: "CAP", repeat: true, about: "add a capability" },
  { long: "cap-drop", value: "CAP", repeat: true, about: "drop a capability" },
  { long: "security-opt", value: "OPT", repeat: true, about: "security option" },
  { long: "sysctl", value: "KEY=VAL", repeat: true, about: "kernel parameter of its namespaces" },
  { long: "ipc", value: "MODE", about: "namespace of System V IPC" },
  { long: "pid", value: "MODE", about: "namespace of processes: host, container:NAME" },
  { long: "uts", value: "MODE", about: "namespace of host names: host" },
  { long: "userns", value: "MODE", about: "user namespace: host" },
  { long: "cgroupns", value: "MODE", about: "cgroup namespace: host, private" },
  { long: "cgroup-parent", value: "NAME", about: "cgroup above the container's" },
  { long: "runtime", value: "NAME", about: "runtime of the engine to use" },
  { long: "isolation", value: "NAME", about: "isolation technology" },
];

const LIMITS: readonly OptionSpec[] = [
  { long: "memory", short: "m", value: "SIZE", about: "memory limit" },
  { long: "memory-swap", value: "SIZE", about: "limit of memory and swap together, or -1" },
  { long: "memory-reservation", value: "SIZE", about: "soft memory limit" },
  { long: "memory-swappiness", value: "N", about: "use of swap, 0 to 100, or -1 for the host's" },
  { long: "oom-kill-disable", about: "no OOM killer" },
  { long: "oom-score-adj", value: "N", about: "preference of the OOM killer" },
  { long: "cpus", value: "N", about: "number of CPUs" },
  { long: "cpu-shares", short: "c", value: "N", about: "relative weight" },
  { long: "cpu-period", value: "N", about: "period of --cpu-quota in microseconds" },
  { long: "cpu-quota", value: "N", about: "time to run in a period, in microseconds" },
  { long: "cpu-rt-period", value: "N", about: "real-time period in microseconds" },
  { long: "cpu-rt-runtime", value: "N", about: "real-time runtime in microseconds" },
  { long: "cpuset-cpus", value: "LIST", about: "only these CPUs, such as 0-3 or 0,1" },
  { long: "cpuset-mems", value: "LIST", about: "memory nodes to use" },
  { long: "pids-limit", value: "N", about: "limit of processes, or -1" },
  { long: "ulimit", value: "NAME=N", repeat: true, about: "resource limit" },
  { long: "blkio-weight", value: "N", about: "weight of input and output, 10 to 1000" },
  { long: "blkio-weight-device", value: "DEV:N", repeat: true, about: "the same for a device" },
];

const DEVICES: readonly OptionSpec[] = [
  { long: "device", value: "SPEC", repeat: true, about: "device of the host" },
  { long: "device-cgroup-rule", value: "RULE", repeat: true, about: "rule for devices" },
  { long: "device-read-bps", value: "DEV:SIZE", repeat: true, about: "bytes to read a second" },
  { long: "device-read-iops", value: "DEV:N", repeat: true, about: "reads a second" },
  { long: "device-write-bps", value: "DEV:SIZE", repeat: true, about: "bytes to write a second" },
  { long: "device-write-iops", value: "DEV:N", repeat: true, about: "writes a second" },
  {
    long: "gpus",
    value: "SPEC",
    repeat: true,
    about: "graphics processors: all, a number, device=…",
  },
];

const LOGS: readonly OptionSpec[] = [
  { long: "log-driver", value: "NAME", about: "driver for the engine's logs" },
  { long: "log-opt", value: "KEY=VAL", repeat: true, about: "option of that driver" },
];

const ELSEWHERE = "--via docker hands over to docker's own client, which can";
const WINDOWS = `it is for Windows containers; ${ELSEWHERE}`;

/** What we can't do; true: a switch. */
const REFUSED: readonly (readonly [long: string, why: string, isSwitch?: true])[] = [
  ["use-api-socket", `it would hand the engine and your logins to the program; ${ELSEWHERE}`, true],
  ["disable-content-trust", `signatures of images are not checked here; ${ELSEWHERE}`, true],
  ["kernel-memory", `engines have dropped it; ${ELSEWHERE}`],
  ["cpu-count", WINDOWS],
  ["cpu-percent", WINDOWS],
  ["io-maxbandwidth", WINDOWS],
  ["io-maxiops", WINDOWS],
];

/** All of them, in the order of help. */
export const DOCKER_RUN: readonly OptionSpec[] = [
  ...LIFE,
  ...STREAMS,
  ...PROGRAM,
  ...HEALTH,
  ...NETWORK,
  ...MOUNTS,
  ...RIGHTS,
  ...LIMITS,
  ...DEVICES,
  ...LOGS,
  ...REFUSED.map(([long, why, isSwitch]): OptionSpec => ({
    long,
    about: "refused",
    hidden: true,
    refused: why,
    ...(isSwitch === true ? {} : { value: "VALUE" }),
  })),
];
