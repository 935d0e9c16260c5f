/** What the engine at hand can do, and the errors for flags that it can't. Pure. */
import { compareApi } from "../docker/version.ts";
import { DockerError } from "../errors.ts";
import type { Worker } from "../session/control/messages.ts";
import { attestationsOf, readCaches, readCall } from "./caches.ts";
import type { BuildRequest } from "./options.ts";
import { isImage, outputsOf } from "./outputs.ts";

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
type Reason = "old" | "store" | "road" | "client";

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
    ...storeNeeds(request, facts),
    ...(facts.road === "build" ? roadNeeds(request) : []),
  ];
  const [first] = needs;
  if (first !== undefined) throw unsupported(first, facts);
}

function frontendNeeds(request: BuildRequest, facts: EngineFacts, hasFrontend: boolean): Need[] {
  const older = (version: string): boolean => isOlder(facts, version);
  const call = readCall(request.call);
  const lint = call?.name === "lint" && older("27.1") && !hasFrontend;
  return [
    ...need(isGiven(request.buildContexts) && older("23.0") && !hasFrontend, {
      flag: "--build-context",
      reason: "old",
      since: "23.0",
    }),
    ...need(lint, { flag: "--check", reason: "old", since: "27.1" }),
    ...need(call !== null && older("23.0"), { flag: "--call", reason: "old", since: "23.0" }),
    ...need(request.shmSize !== undefined && older("23.0"), {
      flag: "--shm-size",
      reason: "old",
      since: "23.0",
    }),
    ...need(isGiven(request.ulimits) && older("23.0"), {
      flag: "--ulimit",
      reason: "old",
      since: "23.0",
    }),
  ];
}

function resultNeeds(request: BuildRequest, facts: EngineFacts): Need[] {
  const outputs = outputsOf(request);
  const caches = [
    ...readCaches(request.cacheFrom, "--cache-from").map((one) => ({ one, flag: "--cache-from" })),
    ...readCaches(request.cacheTo, "--cache-to").map((one) => ({ one, flag: "--cache-to" })),
  ];
  const isLocal = caches.find(({ one }) => one.type === "local");
  return [
    ...need(outputs.length > 1 && isOlder(facts, "26.0"), {
      flag: "a second --output",
      reason: "old",
      since: "26.0",
    }),
    ...(isLocal === undefined
      ? []
      : [{ flag: `${isLocal.flag} type=local`, reason: "client" } as const]),
    ...need(facts.hostGateway === null && (request.addHosts ?? []).some(isHostGateway), {
      flag: "--add-host NAME:host-gateway",
      reason: "old",
      since: "23.0",
    }),
  ];
}

/** What only containerd's image store can hold. */
function storeNeeds(request: BuildRequest, facts: EngineFacts): Need[] {
  if (facts.containerd) return [];
  const outputs = outputsOf(request);
  const attested = attestationsOf(request).find(({ value }) => value !== null);
  const exported = readCaches(request.cacheTo, "--cache-to").some(({ type }) => type !== "inline");
  const archive = outputs.find(({ exporter }) => exporter === "oci" || exporter === "docker");
  return [
    ...need((request.platform ?? "").includes(","), {
      flag: "--platform with several platforms",
      reason: "store",
    }),
    ...(attested === undefined ? [] : [{ flag: attested.flag, reason: "store" } as const]),
    ...need(exported, { flag: "--cache-to", reason: "store" }),
    ...need(isGiven(request.annotations) && outputs.some(isImage), {
      flag: "--annotation",
      reason: "store",
    }),
    ...(archive === undefined
      ? []
      : [{ flag: `--output type=${archive.exporter},dest=…`, reason: "store" } as const]),
  ];
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
    ["--push", outputs.some(({ push }) => push)],
    ["a context from a URL or stdin", request.context === "-" || isUrl(request.context)],
  ];
  return given.filter(([, is]) => is).map(([flag]) => ({ flag, reason: "road" }));
}

function unsupported({ flag, reason, since }: Need, { version }: EngineFacts): DockerError {
  const said: Readonly<Record<Reason, readonly [string, string]>> = {
    old: ["is too old for", `it needs Docker ${since ?? ""} or newer`],
    store: ["can't do", 'it needs the containerd image store ("containerd-snapshotter": true)'],
    road: ["refuses POST /grpc, without which there is no", `leave ${flag} out, or allow /grpc`],
    client: ["gets no store of ours for", "use type=registry or type=inline"],
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
export function isHostGateway(host: string): boolean {
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
