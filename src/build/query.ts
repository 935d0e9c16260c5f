/** The query of `POST /build`, for engines that refuse `/grpc`: the flags that it can carry. Pure. */
import type { Query } from "../docker/wire.ts";
import { readCaches } from "./caches.ts";
import { readSize, readUlimit } from "./flag-values.ts";
import type { BuildRequest } from "./options.ts";
import { buildArgumentsOf, labelsOf } from "./solve-request.ts";

/** What identifies a build on the engine. */
export interface BuildIds {
  readonly session: string;
  /** Chosen by us; `POST /build/cancel` takes it. */
  readonly build: string;
  /** Name of the Dockerfile in what the session serves. */
  readonly dockerfile: string;
}

/** @returns parameters for BuildKit (`version=2`); absent flags are left out */
export function buildQuery(request: BuildRequest, ids: BuildIds): Query {
  const caches = readCaches(request.cacheFrom, "--cache-from").map(({ attributes }) => attributes);
  return {
    version: 2,
    remote: "client-session",
    session: ids.session,
    buildid: ids.build,
    dockerfile: ids.dockerfile,
    t: request.tags,
    target: request.target,
    platform: request.platform,
    networkmode: request.network,
    extrahosts: request.addHosts,
    cgroupparent: request.cgroupParent,
    ...(request.noCache === true && { nocache: 1 }),
    ...(request.pull === true && { pull: 1 }),
    ...(request.shmSize !== undefined && { shmsize: readSize(request.shmSize, "--shm-size") }),
    ...(request.ulimits?.length && { ulimits: ulimitsOf(request.ulimits) }),
    ...(caches.length > 0 && { cachefrom: JSON.stringify(caches.map(({ ref }) => ref ?? "")) }),
    buildargs: JSON.stringify(buildArgumentsOf(request)),
    labels: JSON.stringify(labelsOf(request)),
  };
}

/** As the Engine API has them: name, soft and hard limit. */
function ulimitsOf(texts: readonly string[]): string {
  const limits = texts.map((text) => {
    const [, Name, soft, hard] = /^(.+)=(.+):(.+)$/.exec(readUlimit(text)) ?? [];
    return { Name, Soft: Number(soft), Hard: Number(hard) };
  });
  return JSON.stringify(limits);
}
