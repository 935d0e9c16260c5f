import type { OptionSpec } from "../spec.ts";

/** Options of docker that are not in `--help`: what has no meaning any more, and what we can't do. */

/** Of docker's builder before BuildKit; BuildKit has no use for them, and docker takes them too. */
const IGNORED = ["rm", "force-rm", "compress", "disable-content-trust"];

const LIMITED = [
  "memory",
  "memory-swap",
  "cpu-period",
  "cpu-quota",
  "cpu-shares",
  "cpuset-cpus",
  "cpuset-mems",
];
const LIMITS = "BuildKit sets no limits for single steps; --ulimit and --cgroup-parent are there";

const REFUSED: readonly (readonly [long: string, why: string])[] = [
  ...LIMITED.map((long) => [long, LIMITS] as const),
  ["isolation", "it is for Windows containers"],
  ["security-opt", "write RUN --security=insecure, and --allow security.insecure"],
];

/** Taken without being shown. */
export const LEGACY: readonly OptionSpec[] = [
  ...IGNORED.map((long): OptionSpec => ({ long, about: "no effect", hidden: true })),
  ...REFUSED.map(([long, why]): OptionSpec => ({
    long,
    value: "VALUE",
    about: "refused",
    hidden: true,
    refused: why,
  })),
  {
    long: "squash",
    about: "refused",
    hidden: true,
    refused: "use a multi-stage Dockerfile: BuildKit does not squash",
  },
];
