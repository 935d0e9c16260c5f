/** Where a file secret lands in the container: names and paths only, no engine. */
import { posix } from "node:path";

import { DockerError } from "../errors.ts";
import { parentsOf } from "./delivery/tree.ts";

/** Folder of files without a path of their own. */
export const DEFAULT_FOLDER = "/run/secrets";

/** Mode of files without one. */
export const DEFAULT_MODE = 0o600;

/** Kernel file systems and devices: a secret can't live there. */
const FORBIDDEN = ["/proc", "/sys", "/dev"];

/** PATH_MAX and NAME_MAX of Linux, in bytes. */
const MAX_PATH = 4_095;
const MAX_COMPONENT = 255;

/** A file that a container gets. */
export interface FileTarget {
  readonly name: string;
  readonly path: string;
}

/**
 * Makes the path absolute. A relative one is taken from the container's working directory: `-w`,
 * else the image's WORKDIR, else `/`.
 */
export function resolveTarget(path: string, workingFolder: string | undefined): string {
  return posix.resolve("/", workingFolder ?? "", path);
}

/**
 * Refuses paths that can never hold a file.
 *
 * @throws {@link DockerError} DELIVERY_PATH
 */
export function checkPath({ name, path }: FileTarget): void {
  const why = faultOf(path);
  if (why === null) return;
  throw new DockerError("DELIVERY_PATH", `${name} can't be delivered to ${shown(path)}: ${why}`, {
    hint: `give it a path of its own, such as --file ${name}=${DEFAULT_FOLDER}/${name}`,
  });
}

/**
 * Refuses targets that get in each other's way, or in the way of the user's own mounts. All paths
 * absolute and normal.
 *
 * @throws {@link DockerError} DELIVERY_PATH
 */
export function checkTogether(files: readonly FileTarget[], mounts: readonly string[]): void {
  const taken = new Map<string, string>(mounts.map((path) => [path, "a mount of this run"]));
  for (const file of files) {
    const other = taken.get(file.path);
    if (other !== undefined) throw collision(file, `${other} has the same path`);
    taken.set(file.path, file.name);
  }
  const names = new Map(files.map(({ path, name }) => [path, name]));
  for (const file of files) {
    const above = parentsOf(file.path).findLast((folder) => names.has(folder));
    if (above !== undefined) throw collision(file, `${names.get(above)} is a file above it`);
  }
}

function faultOf(path: string): string | null {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(path)) return "the path holds a control character";
  if (path.split("/").includes("..")) return "the path holds ..";
  if (path.split("/").some((part) => part.startsWith(".."))) {
    return "names that begin with two dots are sealmount's own";
  }
  const normal = posix.normalize(path);
  if (path === "" || path.endsWith("/") || [".", "/"].includes(normal)) {
    return "that is a folder, not a file";
  }
  const forbidden = FORBIDDEN.find((root) => normal === root || normal.startsWith(`${root}/`));
  if (forbidden !== undefined) return `${forbidden} belongs to the kernel`;
  const tooLong = normal.split("/").some((part) => Buffer.byteLength(part) > MAX_COMPONENT);
  return tooLong || Buffer.byteLength(normal) > MAX_PATH ? "the path is too long" : null;
}

function collision(file: FileTarget, why: string): DockerError {
  return new DockerError(
    "DELIVERY_PATH",
    `${file.name} can't be delivered to ${file.path}: ${why}`,
    {
      hint: `give it another path: --file ${file.name}=/other/path`,
    },
  );
}

/** A path for people: control characters visible. */
function shown(path: string): string {
  return JSON.stringify(path).slice(0, 300);
}
