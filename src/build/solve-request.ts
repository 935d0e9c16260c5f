/** Docker's flags as BuildKit's SolveRequest: what buildx sends for the docker driver. Pure. */
import { isIP } from "node:net";

import { UsageError } from "../errors.ts";
import type { Attributes, SolveRequest, TypedAttributes } from "../session/control/messages.ts";
import { attestationsOf, cachesOf, readCall, type Caches } from "./caches.ts";
import type { EngineFacts } from "./engine-facts.ts";
import { isTrue, malformed, readSize, readUlimit, splitPair } from "./flag-values.ts";
import { hasGitQuery } from "./git-address.ts";
import type { BuildRequest } from "./options.ts";
import { outputsOf } from "./outputs.ts";

/** What a request is made of besides the flags. */
export interface SolveParts {
  readonly ref: string;
  readonly session: string;
  readonly facts: EngineFacts;
  /** `filename`, `context`, `context:NAME` …: where the session serves what. */
  readonly places: Attributes;
  readonly caches: Caches;
}

/**
 * Makes the request.
 *
 * @throws {@link UsageError} USAGE, USAGE_CONFLICT
 */
export function solveRequest(request: BuildRequest, parts: SolveParts): SolveRequest {
  const { ref, session, facts } = parts;
  return {
    ref,
    session,
    frontend: syntaxOf(request) === null ? "dockerfile.v0" : "gateway.v0",
    frontendAttributes: withCaps(request, {
      ...flagAttributes(request, facts),
      ...importsOf(parts.caches),
      ...parts.places,
    }),
    exporters: readCall(request.call) === null ? exportersOf(request, facts) : [],
    cacheExports: [...parts.caches.exports, ...inlineCache(request)],
    cacheImports: parts.caches.imports,
    entitlements: entitlementsOf(request),
    internal: request.record !== true,
  };
}

/** Facts that refuse nothing. */
const ANY_ENGINE: EngineFacts = {
  version: "",
  road: "grpc",
  containerd: true,
  hostGateway: "127.0.0.1",
};

/** Reads every flag, so that a malformed one is found before anything is contacted. Throws as above. */
export function checkFlags(request: BuildRequest): void {
  solveRequest(request, {
    ref: "",
    session: "",
    facts: ANY_ENGINE,
    places: {},
    caches: cachesOf(request),
  });
  outputsOf(request);
}

/** `NAME=VALUE` arguments; a name without a value takes it from the environment, or is left out. */
export function buildArgumentsOf(request: BuildRequest): Record<string, string> {
  const found: Record<string, string> = {};
  for (const text of request.buildArgs ?? []) {
    const [name, given] = splitPair(text);
    const value = given ?? request.env[name];
    if (name === "") throw malformed("--build-arg");
    if (value !== undefined) set(found, name, value);
  }
  // reproducible builds: docker's client passes it on unasked
  const epoch = request.env["SOURCE_DATE_EPOCH"] ?? "";
  if (epoch !== "" && found["SOURCE_DATE_EPOCH"] === undefined) found["SOURCE_DATE_EPOCH"] = epoch;
  return found;
}

/** `KEY=VALUE` labels; a key alone has an empty value. */
export function labelsOf(request: BuildRequest): Record<string, string> {
  const found: Record<string, string> = {};
  for (const text of request.labels ?? []) {
    const [name, value = ""] = splitPair(text);
    set(found, name, value);
  }
  return found;
}

/** Any name is a name, `__proto__` too. */
function set(into: Record<string, string>, name: string, value: string): void {
  Object.defineProperty(into, name, { value, enumerable: true, writable: true });
}

function flagAttributes(request: BuildRequest, facts: EngineFacts): Record<string, string> {
  const syntax = syntaxOf(request);
  return {
    ...prefixed("build-arg:", buildArgumentsOf(request)),
    ...prefixed("label:", labelsOf(request)),
    ...present({
      target: request.target,
      platform: request.platform,
      "no-cache": noCacheOf(request),
      "force-network-mode": networkOf(request),
      "shm-size": shmOf(request),
      "cgroup-parent": request.cgroupParent,
      ulimit: listOf((request.ulimits ?? []).map(readUlimit)),
      "add-hosts": listOf((request.addHosts ?? []).flatMap((host) => hostsOf(host, facts))),
      source: syntax?.split(" ", 1)[0],
      cmdline: syntax ?? undefined,
    }),
    // images that the engine has already are used as they are, as with the docker driver
    "image-resolve-mode": request.pull === true ? "pull" : "local",
    ...attestsOf(request),
  };
}

/**
 * What `--call` asks, and what the front end must know for this build: one that does not ends with an
 * error, where it would otherwise do something else.
 */
function withCaps(request: BuildRequest, attributes: Attributes): Attributes {
  const call = readCall(request.call);
  const { "frontend.caps": given = [] } = attributes;
  const caps = [
    given,
    hasGitQuery(request) ? "moby.buildkit.frontend.gitquerystring+forward" : [],
    call === null ? [] : "moby.buildkit.frontend.subrequests+forward",
  ].flat();
  if (caps.length === 0) return attributes;
  const asked = call === null ? {} : { requestid: `frontend.${call.name}` };
  return { ...attributes, "frontend.caps": caps.join(","), ...asked };
}

/** `BUILDKIT_SYNTAX` names a front end other than the engine's own. */
function syntaxOf(request: BuildRequest): string | null {
  const value = buildArgumentsOf(request)["BUILDKIT_SYNTAX"]?.trim();
  return value === undefined || value === "" ? null : value;
}

function noCacheOf({ noCache, noCacheFilter = [] }: BuildRequest): string | undefined {
  if (noCache !== true) return listOf(noCacheFilter);
  if (noCacheFilter.length > 0)
    throw new UsageError("USAGE_CONFLICT", "--no-cache leaves nothing to --no-cache-filter");
  return "";
}

function networkOf({ network }: BuildRequest): string | undefined {
  if (network === undefined || network === "" || network === "default") return undefined;
  if (network === "host" || network === "none") return network;
  throw new UsageError("USAGE", `BuildKit has no network ${network.slice(0, 100)}`, {
    hint: "write --network default, none or host",
  });
}

function shmOf({ shmSize }: BuildRequest): string | undefined {
  const bytes = shmSize === undefined ? 0 : readSize(shmSize, "--shm-size");
  return bytes === 0 ? undefined : String(bytes);
}

function hostsOf(text: string, { hostGateway }: EngineFacts): string[] {
  const match = /^([^=:]+)[=:](.+)$/.exec(text);
  const [, name = "", addresses = ""] = match ?? [];
  if (addresses === "host-gateway" && hostGateway !== null) return [`${name}=${hostGateway}`];
  return addresses.split(",").map((address) => {
    const plain = address.replace(/^\[(.+)\]$/, "$1");
    if (match === null || isIP(plain) === 0) throw malformed("--add-host");
    return `${name}=${plain}`;
  });
}

/** The front end imports too: it has its own list. */
function importsOf({ imports }: Caches): Attributes {
  if (imports.length === 0) return {};
  const list = imports.map(({ type, attributes }) => ({ Type: type, Attrs: attributes }));
  return { "cache-imports": JSON.stringify(list) };
}

/** The argument that asks for a cache inside of the image itself. */
function inlineCache(request: BuildRequest): TypedAttributes[] {
  const value = buildArgumentsOf(request)["BUILDKIT_INLINE_CACHE"];
  return isTrue(value) ? [{ type: "inline", attributes: {} }] : [];
}

function entitlementsOf(request: BuildRequest): string[] {
  const asked = request.allow ?? [];
  return request.network === "host" && !asked.includes("network.host")
    ? [...asked, "network.host"]
    : [...asked];
}

function attestsOf(request: BuildRequest): Record<string, string> {
  const pairs = attestationsOf(request).flatMap(({ type, value }): [string, string][] =>
    value === null ? [] : [[`attest:${type}`, value]],
  );
  return Object.fromEntries(pairs);
}

function exportersOf(request: BuildRequest, facts: EngineFacts): TypedAttributes[] {
  return outputsOf(request).map(({ exporter, attributes, push }) => ({
    type: exporter,
    // without containerd's store, pushing is another call of the Engine API
    attributes: push && facts.containerd ? { ...attributes, push: "true" } : attributes,
  }));
}

function prefixed(prefix: string, values: Readonly<Record<string, string>>): Attributes {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [prefix + key, value]));
}

function present(values: Readonly<Record<string, string | undefined>>): Attributes {
  return Object.fromEntries(
    Object.entries(values).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}

/** BuildKit's lists have commas; an empty one is no attribute. */
function listOf(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.join(",");
}
