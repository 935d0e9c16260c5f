/** The engine: reachable, what it is, what it enables, and how files would get into a container. */
import { chooseDelivery, isRemapped, isRootless, shiftsUsers } from "../docker/delivery-choice.ts";
import type { Engine } from "../docker/engine.ts";
import { findTmpfsRoot } from "../docker/host-tmpfs.ts";
import type { EngineInfo } from "../docker/types.ts";
import type { Env } from "../keys/variables.ts";
import { buildkitOf, featureLines } from "./features.ts";
import { okLine } from "./model.ts";
import type { DoctorLine } from "./model.ts";
import { swapLines } from "./swap.ts";

/** Key of DriverStatus by which the containerd image store shows itself. */
const SNAPSHOTTER = "io.containerd.snapshotter.v1";

/** All about one engine that answered. */
export async function engineLines(engine: Engine, env: Env): Promise<DoctorLine[]> {
  const info = await engine.info();
  const { version, endpoint } = engine;
  const about = `Docker ${version.engine}, API ${version.api}, ${version.os}/${version.arch}`;
  return [
    okLine("engine", `${about}, Linux ${version.kernel}, at ${endpoint.host}`),
    okLine("buildkit", buildkitDetail(engine)),
    okLine("image store", storeOf(info)),
    okLine("user ids", usersOf(info)),
    ...featureLines(version),
    ...(await deliveryLines(engine, info, env)),
  ];
}

function buildkitDetail({ version }: Engine): string {
  const inside = buildkitOf(version.engine);
  const what = inside === null ? "of an unknown version" : `${inside} or later`;
  return `BuildKit ${what}${version.builder === "2" ? ", the engine's default builder" : ""}`;
}

function storeOf({ Driver, DriverStatus }: EngineInfo): string {
  const status = DriverStatus ?? [];
  const isContainerd = status.some(([, value]) => value === SNAPSHOTTER);
  return isContainerd ? `containerd (${Driver})` : Driver;
}

function usersOf({ SecurityOptions }: EngineInfo): string {
  if (isRootless(SecurityOptions)) return "rootless";
  return isRemapped(SecurityOptions) ? "shifted (userns-remap)" : "as they are";
}

/** The same choice as `run` makes for files that belong to root. */
async function deliveryLines(engine: Engine, info: EngineInfo, env: Env): Promise<DoctorLine[]> {
  const { kind, why } = chooseDelivery({
    local: engine.endpoint.local,
    shiftsUsers: shiftsUsers(info.SecurityOptions),
    root: await findTmpfsRoot(env),
    mayChown: process.geteuid?.() === 0,
  });
  const line = okLine("delivery", `file secrets go by ${kind}: ${why}`);
  return kind === "bind" ? [line, ...(await swapLines())] : [line];
}
