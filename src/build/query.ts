/** The query of `POST /build`: docker's flags as the Engine API names them. Pure. */
import type { Query } from "../docker/transport.ts";
import type { BuildRequest } from "./options.ts";

/** What identifies a build on the engine. */
export interface BuildIds {
  readonly session: string;
  /** Chosen by us; `POST /build/cancel` takes it. */
  readonly build: string;
  /** Path of the Dockerfile within what is sent. */
  readonly dockerfile: string;
}

/** @returns parameters for BuildKit (`version=2`); absent flags are left out */
export function buildQuery(request: BuildRequest, ids: BuildIds): Query {
  return {
    version: 2,
    session: ids.session,
    buildid: ids.build,
    dockerfile: ids.dockerfile,
    t: request.tags,
    target: request.target,
    platform: request.platform,
    networkmode: request.network,
    extrahosts: request.addHosts,
    ...(request.noCache === true && { nocache: 1 }),
    ...(request.pull === true && { pull: 1 }),
    buildargs: JSON.stringify(argumentsOf(request)),
    labels: JSON.stringify(labelsOf(request)),
  };
}

/** As docker: a name without a value takes it from the environment, or is left out. */
function argumentsOf(request: BuildRequest): Record<string, string> {
  const values = (request.buildArgs ?? []).map((text): [string, string | undefined] => {
    const [name, value] = split(text);
    return [name, value ?? request.env[name]];
  });
  return Object.fromEntries(
    values.filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}

function labelsOf(request: BuildRequest): Record<string, string> {
  return Object.fromEntries(
    (request.labels ?? []).map((text) => {
      const [name, value] = split(text);
      return [name, value ?? ""];
    }),
  );
}

function split(text: string): [string, string | undefined] {
  const at = text.indexOf("=");
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
