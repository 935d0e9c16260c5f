/** What a launcher need not say: it is taken from this process, as the command line does. */
import { homedir } from "node:os";

import { type DockerClient, engineOf } from "../../docker/client.ts";
import { resolveEndpoint } from "../../docker/endpoint.ts";
import { Engine } from "../../docker/engine.ts";
import type { Env } from "../options.ts";

/** Which engine, and whose environment and folders. */
export interface Surroundings {
  /** A dockerode of the caller's; stays the caller's. */
  readonly docker?: DockerClient | undefined;
  /** Default, without `docker` too: DOCKER_HOST, else the docker context, as the docker CLI. */
  readonly engine?: Engine | undefined;
  /** Variables of the client; default: those of this process. */
  readonly env?: Env | undefined;
  /** For relative paths and for finding the manifest; default: that of this process. */
  readonly cwd?: string | undefined;
  /** Default: `HOME`, else the user's home folder. */
  readonly home?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The surroundings but for the engine, complete. */
export interface Places {
  readonly env: Env;
  readonly cwd: string;
  readonly home: string;
}

export function placesOf(o: Surroundings): Places {
  // oxlint-disable-next-line node/no-process-env -- launch and deliver stand for the command line
  const env = o.env ?? process.env;
  return { env, cwd: o.cwd ?? process.cwd(), home: o.home ?? env["HOME"] ?? homedir() };
}

/** @throws {@link DockerError} DOCKER_UNREACHABLE, DOCKER_TOO_OLD; what `resolveEndpoint` throws */
export async function connectTo(
  { docker, engine, signal }: Surroundings,
  { env, home }: Places,
): Promise<Engine> {
  if (engine !== undefined) return engine;
  if (docker !== undefined) return engineOf(docker, { signal });
  return Engine.connect(await resolveEndpoint({ env, home }), { signal });
}
