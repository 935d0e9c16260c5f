/** Under which keys docker keeps the logins of registries. Pure. */
import { UsageError } from "../errors.ts";
import { DOCKER_HUB, isRegistryHost } from "./reference.ts";

/** Docker Hub's key, from the days of its first API. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";
/** Other keys under which people keep a login for Docker Hub; docker's own word for it is no address. */
const DOCKER_HUB_NAMES = new Set(["", DOCKER_HUB, "index.docker.io", "registry-1.docker.io"]);

/** The server address of a registry in docker's own files and requests; an empty host is Docker Hub. */
export function serverAddressOf(host: string): string {
  return registryOf(host) === DOCKER_HUB ? DOCKER_HUB_KEY : host;
}

/**
 * The key among those of `auths` that has the login for a host: the one that docker writes, else one
 * that names the same registry in another way (`https://host/v2/`).
 *
 * @returns undefined when there is none
 */
export function loginKeyOf(keys: readonly string[], host: string): string | undefined {
  const key = serverAddressOf(host);
  return keys.find((one) => one === key) ?? keys.find((one) => registryOf(one) === registryOf(key));
}

/** `https://host/v1/` and `host` are one registry to docker. */
export function hostnameOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/s, "");
}

/** The registry that a host or key names; Docker Hub is `docker.io` under each of its names. */
export function registryOf(key: string): string {
  const host = hostnameOf(key);
  return DOCKER_HUB_NAMES.has(host) ? DOCKER_HUB : host;
}

/**
 * The registry that somebody has typed.
 *
 * @throws {@link UsageError} USAGE for what is no host; it is not repeated, as it may be a value
 */
export function registryHost(text: string): string {
  if (isRegistryHost(text)) return registryOf(text);
  const inside = /^https?:\/\//.test(text) ? hostnameOf(text) : "";
  throw new UsageError("USAGE", "this is no host of a registry", {
    hint: isRegistryHost(inside)
      ? `write ${registryOf(inside)}`
      : "write the host alone, with its port if it has one: ghcr.io, localhost:5000, docker.io",
  });
}
