/** The engine that somebody's own dockerode talks to. */
import type { Endpoint } from "./endpoint.ts";
import { Engine } from "./engine.ts";
import type { Modem } from "./modem-wire.ts";

/** What is needed of dockerode's `Docker`. */
export interface DockerClient {
  readonly modem: Modem;
}

/**
 * Contacts the engine by the client's own connection. An API version that the client is set to holds
 * for its calls only: ours name their own.
 *
 * @throws {@link DockerError} DOCKER_UNREACHABLE, DOCKER_TOO_OLD
 */
export async function engineOf(
  { modem }: DockerClient,
  o: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Engine> {
  const unversioned = Object.create(modem, { version: { value: undefined } }) as Modem;
  return Engine.over(unversioned, await endpointOf(modem), o);
}

/** Properties of docker-modem that tell where it leads. */
interface ModemParts {
  readonly socketPath?: string | (() => string | Promise<string>) | undefined;
  readonly protocol?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: string | number | undefined;
}

/** Only a socket or pipe of this machine is local; where it leads to in truth, the engine says. */
async function endpointOf(modem: Modem & ModemParts): Promise<Endpoint> {
  const found = modem.socketPath;
  // docker-modem's default is a function that looks for Docker Desktop's socket first
  const path = typeof found === "function" ? await found() : found;
  if (path !== undefined && path !== "") {
    return { host: `unix://${path}`, local: true, options: {} };
  }
  const { protocol = "http", host = "the engine of dockerode", port = "" } = modem;
  return { host: `${protocol}://${host}:${port}`, local: false, options: {} };
}
