/** What the engine at hand can do, and the errors for flags that it can't. Pure. */
import { compareApi } from "../docker/version.ts";
import { DockerError } from "../errors.ts";
import type { Worker } from "../session/control/messages.ts";
import { attestationsOf, cachesOf, readCall } from "./caches.ts";
import { hasGitQuery } from "./git-address.ts";
import type { BuildRequest } from "./options.ts";
import { isImage, outputsOf, type Output } from "./outputs.ts";

/** An engine, as the flags of a build see it. */
export interface EngineFacts {
  /** Such as `26.1.5`. */
  readonly version: string;
  /** `/grpc` is the road of docker's own client; where it is refused, `/build` takes less. */
  readonly road: "grpc" | "build";
  /** True for containerd's image store: several platforms, attestations, caches. */
  readonly containerd: boolean;
  /** What `host-gateway` stands for; null when the engine does not say. */
  readonly hostGateway: string | null;
}

const SNAPSHOTTER = "org.mobyproject.buildkit.worker.snapshotter";
const HOST_GATEWAY = "org.mobyproject.buildkit.worker.moby.host-gateway-ip";

/** @param workers - of the engine's BuildKit; null where the road is `/build` */
export function factsOf(version: string, workers: readonly Worker[] | null): EngineFacts {
  const label = (name: string): string | undefined =>
    workers?.map(({ labels }) => labels.get(name)).find((value) => value !== undefined);
  return {
    version,
    road: workers === null ? "build" : "grpc",
    containerd: label(SNAPSHOTTER) !== undefined,
    hostGateway: label(HOST_GATEWAY) ?? null,
  };
}

/** Why an engine can't do what a flag asks. */
type Reason = "old" | "store" | "road" | "never";

interface Need {
  readonly flag: string;
  readonly reason: Reason;
  /** First engine that can. */
  readonly since?: string;
}

/**
 * Refuses a flag that this engine would ignore, or fail at much later in words that name no flag.
 *
 * @param hasFrontend - true when the Dockerfile or a build argument names its own front end, which
 *   may be newer than the engine
 * @throws {@link DockerError} DOCKER_TOO_OLD with the engine's version and the flag
 */
export function refuseUnsupported(
  request: BuildRequest,
  facts: EngineFacts,
  hasFrontend: boolean,
): void {
  const needs = [
    ...frontendNeeds(request, facts, hasFrontend),
    ...resultNeeds(request, facts),
    ...cacheNeeds(request, facts),
    ...storeNeeds(request, facts),
    ...(facts.road === "build" ? roadNeeds(request) : []),
  ];
  const [first] = needs;
  if (first !== undefined) throw unsupported(first, facts);
}

/** Each flag with the first engine whose own front end, or whose BuildKit, has it. */
function frontendNeeds(request: BuildRequest, facts: EngineFacts, hasFrontend: boolean): Need[] {
  const call = readCall(request.call);
  const given: readonly (readonly [flag: string, since: string, is: boolean])[] = [
    ["--build-context", "23.0", isGiven(request.buildContexts) && !hasFrontend],
    // measured on 26.1: the query becomes a part of the path. A newer front end does not help: it is
    // BuildKit that fetches
    ["a git address with a query", "28.5", hasGitQuery(request)],
    ["--cgroup-parent", "23.0", request.cgroupParent !== undefined],
    ["--check", "27.1", call?.name === "lint" && !hasFrontend],
    ["--call", "23.0", call !== null],
    ["--shm-size", "23.0", request.shmSize !== undefined],
    ["--ulimit", "23.0", isGiven(request.ulimits)],
  ];
  return given
    .filter(([, since, is]) => is && isOlder(facts, since))
    .map(([flag, since]) => ({ flag, reason: "old", since }));
}

function resultNeeds(request: BuildRequest, facts: EngineFacts): Need[] {
  const outputs = outputsOf(request);
  return [
    ...need(outputs.length > 1 && isOlder(facts, "26.0"), {
      flag: "a second --output",
      reason: "old",
      since: "26.0",
    }),
    ...need(facts.hostGateway === null && (request.addHosts ?? []).some(isHostGateway), {
      flag: "--add-host NAME:host-gateway",
      reason: "old",
      since: "23.0",
    }),
  ];
}

/** Kinds of cache that an engine has at all, with containerd's store. */
const CACHES = ["registry", "local", "gha"];
/** Those that an engine has with its own store. */
const OWN_CACHES: Readonly<Record<string, readonly string[]>> = {
  "--cache-from": ["registry", "local"],
  "--cache-to": ["inline"],
};

function cacheNeeds(request: BuildRequest, { containerd }: EngineFacts): Need[] {
  const { imports, exports } = cachesOf(request);
  const all = [
    ...imports.map(({ type }) => ({ type, flag: "--cache-from" })),
    ...exports.map(({ type }) => ({ type, flag: "--cache-to" })),
  ];
  return all.flatMap(({ type, flag }): Need[] => {
    const own = OWN_CACHES[flag] ?? [];
    if (own.includes(type) || (containerd && CACHES.includes(type))) return [];
    return [{ flag: `${flag} type=${type}`, reason: CACHES.includes(type) ? "store" : "never" }];
  });
}

/** What only containerd's image store can hold. */
function storeNeeds(request: BuildRequest, facts: EngineFacts): Need[] {
  if (facts.containerd) return [];
  const outputs = outputsOf(request);
  const attested = attestationsOf(request).find(({ value }) => value !== null);
  const archive = outputs.find(({ exporter }) => exporter === "oci" || exporter === "docker");
  return [
    ...need((request.platform ?? "").includes(","), {
      flag: "--platform with several platforms",
      reason: "store",
    }),
    ...(attested === undefined ? [] : [{ flag: attested.flag, reason: "store" } as const]),
    ...need(
      (request.buildContexts ?? []).some((text) => /^[^=]*=oci-layout:/.test(text)),
      {
        flag: "--build-context NAME=oci-layout://…",
        reason: "store",
      },
    ),
    // the Engine API's push always makes a tag
    ...need(outputs.some(isPushedByDigest), {
      flag: "--output push-by-digest=true",
      reason: "store",
    }),
    ...need(isGiven(request.annotations) && outputs.some(isImage), {
      flag: "--annotation",
      reason: "store",
    }),
    ...(archive === undefined
      ? []
      : [{ flag: `--output type=${archive.exporter},dest=…`, reason: "store" } as const]),
  ];
}

function isPushedByDigest({ push, attributes }: Output): boolean {
  return push && attributes["push-by-digest"] === "true";
}

/** What `POST /build` has no parameter for. */
function roadNeeds(request: BuildRequest): Need[] {
  const outputs = outputsOf(request);
  const given: readonly (readonly [string, boolean])[] = [
    ["--build-context", isGiven(request.buildContexts)],
    ["--no-cache-filter", isGiven(request.noCacheFilter)],
    ["--allow", isGiven(request.allow)],
    ["--call", readCall(request.call) !== null],
    ["--output", outputs.length !== 1 || outputs.some((one) => !isImage(one))],
    ["--cache-to", isGiven(request.cacheTo)],
    ["--cache-from", cachesOf(request).imports.some(({ type }) => type !== "registry")],
    ["--push", outputs.some(({ push }) => push)],
    ["a context from a URL or stdin", request.context === "-" || isUrl(request.context)],
  ];
  return given.filter(([, is]) => is).map(([flag]) => ({ flag, reason: "road" }));
}

function unsupported({ flag, reason, since }: Need, { version }: EngineFacts): DockerError {
  const said: Readonly<Record<Reason, readonly [string, string]>> = {
    old: ["is too old for", `it needs Docker ${since ?? ""} or newer`],
    store: ["can't do", 'it needs the containerd image store ("containerd-snapshotter": true)'],
    never: ["can't do", "use type=registry; or another builder: --via buildx"],
    road: ["refuses POST /grpc, without which there is no", `leave ${flag} out, or allow /grpc`],
  };
  const [what, hint] = said[reason];
  return new DockerError("DOCKER_TOO_OLD", `engine ${version} ${what} ${flag}`, { hint });
}

function need(is: boolean, found: Need): Need[] {
  return is ? [found] : [];
}

function isGiven(values: readonly string[] | undefined): boolean {
  return values !== undefined && values.length > 0;
}

/** True for `NAME:host-gateway`. */
function isHostGateway(host: string): boolean {
  return /[:=]host-gateway$/.test(host);
}

/** True for what is fetched by the engine: git and http(s). */
export function isUrl(context: string): boolean {
  return /^(?:https?|git|ssh):\/\/|^github\.com\/|^[\w-]+@[\w.-]+:/.test(context);
}

/** Engine versions compare as API versions do: by major and minor number. */
function isOlder({ version }: EngineFacts, than: string): boolean {
  return compareApi(version, than) < 0;
}
