/**
 * Image references, read as docker reads them. Pure.
 *
 * @see https://pkg.go.dev/github.com/distribution/reference the grammar
 */

/** Where a reference without a host leads. */
export const DOCKER_HUB = "docker.io";

/** One reference, with what docker adds to it. */
export interface ImageReference {
  /** Host of the registry, with its port if any; `docker.io` without one. */
  readonly host: string;
  /** Behind the host: `library/busybox`, `cats/api`. */
  readonly path: string;
  /** `latest` where neither tag nor digest was given. */
  readonly tag: string | undefined;
  /** `sha256:…`; it decides where both are given. */
  readonly digest: string | undefined;
}

const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const HOST = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const PATH = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
/** Docker's limit, in characters. */
const LONGEST_PATH = 255;

/** @returns null for what docker takes for no name: upper case, empty parts, a bad tag or digest, an id */
export function parseReference(text: string): ImageReference | null {
  const { name, tag, digest } = splitVersion(text);
  const { host, path } = splitName(name);
  if (isImageId(text) || !isName(host, path) || !isVersion(tag, digest)) return null;
  return { host, path, tag: tag ?? (digest === undefined ? "latest" : undefined), digest };
}

/** True for what a registry can be called: a host name or address, with a port if any. */
export function isRegistryHost(text: string): boolean {
  return HOST.test(text);
}

/** True for an image by its id, which no registry knows. */
export function isImageId(text: string): boolean {
  return /^(?:sha256:)?[0-9a-f]{64}$/.test(text);
}

/** `docker.io/library/busybox`: host and path, without tag and digest. */
export function repositoryOf({ host, path }: ImageReference): string {
  return `${host}/${path}`;
}

interface Split {
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** The tag is behind the last colon after the last slash. */
function splitVersion(text: string): Split {
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const rest = at < 0 ? text : text.slice(0, at);
  const colon = rest.indexOf(":", rest.lastIndexOf("/") + 1);
  if (colon < 0) return { name: rest, tag: undefined, digest };
  return { name: rest.slice(0, colon), tag: rest.slice(colon + 1), digest };
}

function isName(host: string, path: string): boolean {
  return HOST.test(host) && PATH.test(path) && path.length <= LONGEST_PATH;
}

function isVersion(tag = "latest", digest?: string): boolean {
  return TAG.test(tag) && (digest === undefined || DIGEST.test(digest));
}

/** The first part is a host when it can't be a name on Docker Hub. */
function splitName(name: string): { readonly host: string; readonly path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(0, slash));
  const isHost = /[.:A-Z]/.test(first) || first === "localhost";
  const host = isHost ? first : DOCKER_HUB;
  const path = isHost ? name.slice(slash + 1) : name;
  if (host !== DOCKER_HUB && host !== "index.docker.io") return { host, path };
  return { host: DOCKER_HUB, path: path.includes("/") ? path : `library/${path}` };
}
