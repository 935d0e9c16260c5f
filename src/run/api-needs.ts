/** What older engines would leave out without a word: refused, as docker's own client does. */
import { DockerError } from "../errors.ts";
import { compareApi } from "../docker/version.ts";
import type { ContainerOptions } from "./container-options.ts";
import { parseMount } from "./flags/mounts.ts";
import { networksOf } from "./networking.ts";

interface Need {
  readonly what: string;
  /** First API version that has it, and the engine that came with it. */
  readonly api: string;
  readonly engine: string;
  readonly asked: (options: ContainerOptions) => boolean;
}

/** From the version notes of docker's Engine API. */
const NEEDS: readonly Need[] = [
  {
    what: "--annotation",
    api: "1.43",
    engine: "24",
    asked: ({ annotation = [] }) => annotation.length > 0,
  },
  {
    what: "--health-start-interval",
    api: "1.44",
    engine: "25",
    asked: ({ healthStartInterval }) => healthStartInterval !== undefined,
  },
  {
    what: "more than one --network",
    api: "1.44",
    engine: "25",
    asked: (options) => networksOf(options).length > 1,
  },
  {
    what: "--network …,mac-address=…",
    api: "1.44",
    engine: "25",
    asked: (options) => networksOf(options).some(({ macAddress }) => macAddress !== undefined),
  },
  {
    what: "--network …,gw-priority=…",
    api: "1.48",
    engine: "28",
    asked: (options) =>
      networksOf(options).some(({ gatewayPriority }) => gatewayPriority !== undefined),
  },
  {
    what: "--mount …,bind-recursive=…",
    api: "1.44",
    engine: "25",
    asked: hasMountOption("BindOptions", "ReadOnlyNonRecursive", "ReadOnlyForceRecursive"),
  },
  {
    what: "--mount …,volume-subpath=…",
    api: "1.45",
    engine: "26",
    asked: hasMountOption("VolumeOptions", "Subpath"),
  },
  {
    what: "--mount type=image",
    api: "1.48",
    engine: "28",
    asked: ({ mount = [] }) => mount.some((spec) => parseMount(spec, "/").Type === "image"),
  },
];

/**
 * @param api - what was agreed on with the engine, such as `1.41`
 * @throws {@link DockerError} DOCKER_TOO_OLD
 */
export function refuseTooNew(options: ContainerOptions, api: string): void {
  const need = NEEDS.find((one) => compareApi(api, one.api) < 0 && one.asked(options));
  if (need === undefined) return;
  throw new DockerError(
    "DOCKER_TOO_OLD",
    `${need.what} needs API ${need.api}, the engine has ${api}`,
    { hint: `leave it out, or update the engine to Docker ${need.engine}` },
  );
}

function hasMountOption(
  part: "BindOptions" | "VolumeOptions",
  ...names: readonly string[]
): Need["asked"] {
  return ({ mount = [] }) =>
    mount.some((spec) => {
      const options = parseMount(spec, "/")[part] ?? {};
      return names.some((name) => name in options);
    });
}
