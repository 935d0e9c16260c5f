/** What an engine is: asked once, when the connection is made. */
import type { IncomingMessage } from "node:http";

import { DockerError } from "../errors.ts";
import { escapeControl } from "./errors.ts";
import { parseJson } from "./json.ts";
import type { Transport } from "./transport.ts";
import type { EngineVersion } from "./types.ts";

/** Newest API version whose answers were tested (engine 28.5). */
const NEWEST_API = "1.51";
/** Oldest API version that is served: engine 20.10. */
const OLDEST_API = "1.41";

interface VersionAnswer {
  readonly Version?: string;
  readonly ApiVersion?: string;
  readonly Os?: string;
  readonly Arch?: string;
  readonly KernelVersion?: string;
  readonly Components?: readonly { readonly Name?: string }[] | null;
}

/**
 * Asks `/_ping` (headers) and `/version` at once, and settles the API version.
 *
 * @throws {@link DockerError} DOCKER_TOO_OLD, and whatever the transport throws
 */
export async function versionOf(transport: Transport, signal: AbortSignal): Promise<EngineVersion> {
  const ask = (path: string): Promise<IncomingMessage> =>
    transport.send({ method: "GET", path, signal });
  const [ping, version] = await Promise.all([ask("/_ping"), ask("/version")]);
  ping.resume();
  const text = await transport.text(version, signal);
  const answer = parseJson<VersionAnswer>(text);
  return {
    engine: escapeControl(answer.Version ?? ""),
    api: negotiate(answer.ApiVersion ?? header(ping, "api-version")),
    os: answer.Os ?? header(ping, "ostype"),
    arch: answer.Arch ?? "",
    kernel: answer.KernelVersion ?? "",
    // what gives a rootless engine its namespaces (28.5 names it)
    rootless: (answer.Components ?? []).some(({ Name }) => Name === "rootlesskit"),
    experimental: header(ping, "docker-experimental") === "true",
    builder: header(ping, "builder-version"),
  };
}

function negotiate(api: string): string {
  if (compareApi(api, OLDEST_API) < 0) {
    throw new DockerError("DOCKER_TOO_OLD", `the engine's API ${escapeControl(api)} is too old`, {
      hint: `update the engine: API ${OLDEST_API} (Docker 20.10) is the oldest that works`,
    });
  }
  return compareApi(api, NEWEST_API) < 0 ? api : NEWEST_API;
}

/** Orders API versions by number: 1.9 is older than 1.41. Anything unreadable counts as 0. */
export function compareApi(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split(".").map((part) => Number.parseInt(part, 10) || 0);
  const [majorB = 0, minorB = 0] = b.split(".").map((part) => Number.parseInt(part, 10) || 0);
  return majorA - majorB || minorA - minorB;
}

function header(response: IncomingMessage, name: string): string {
  const value = response.headers[name];
  return typeof value === "string" ? value : "";
}
