/** Which volumes hold a store, and how helpers and the app mount them: pure. */
import { posix } from "node:path";

import { DockerError } from "../../errors.ts";
import type { Mount } from "../flags/mounts.ts";
import type { FileToDeliver } from "./delivery.ts";
import type { StoredFile, StoredFolder, StoreLayout } from "./layout.ts";
import type { FolderFacts } from "./placement.ts";

/** Where helpers see the store; a path of the helpers only. */
export const HELPER_ROOT = "/.sealmount";

/** One volume of a store. */
export interface StoreVolume {
  readonly name: string;
  /** The only mount that it holds; null when it holds all of them, each below its key. */
  readonly key: string | null;
  /** Where the helpers have it. */
  readonly path: string;
  /** Upper limit of its content. */
  readonly bytes: number;
}

/**
 * One volume for everything, mounted in parts, so that a restart, which would find it empty, fails.
 *
 * @param whole - for engines that can't mount parts: each of its folders gets a volume
 */
export function volumesOf(run: string, whole: StoreLayout | null, bytes: number): StoreVolume[] {
  if (whole === null) return [{ name: nameOf(run, 0), key: null, path: HELPER_ROOT, bytes }];
  return whole.folders.map(({ key }, index) => ({
    name: nameOf(run, index),
    key,
    path: `${HELPER_ROOT}/${key}`,
    bytes,
  }));
}

export function helperMounts(volumes: readonly StoreVolume[]): Mount[] {
  return volumes.map(({ name, path }) => mountOf(name, path));
}

/** Read-only, for the app's create request. */
export function appMount(
  volumes: readonly StoreVolume[],
  { key, target }: StoredFolder | StoredFile,
): Mount {
  const own = volumes.find((volume) => volume.key === key);
  const volume = own ?? volumes[0];
  if (volume === undefined) throw new Error("a store without a volume");
  const mount = mountOf(volume.name, target);
  const options =
    own === undefined ? { ...mount.VolumeOptions, Subpath: key } : mount.VolumeOptions;
  return { ...mount, ReadOnly: true, VolumeOptions: { ...options } };
}

/**
 * For engines that mount only whole folders: no file of the image may vanish under one, but for a
 * folder that was given to secrets.
 *
 * @throws {@link DockerError} DELIVERY_PATH
 */
export function refuseHidden(
  files: readonly FileToDeliver[],
  facts: ReadonlyMap<string, FolderFacts>,
): void {
  for (const file of files) {
    const folder = posix.dirname(file.path);
    const { names = [], mounted = false } = facts.get(folder) ?? {};
    if (mounted) throw unmountable(file, "and a mount of this run is there");
    if (folder === "/" || (names.length > 0 && !file.ownFolder)) {
      throw unmountable(file, `and that would hide the image's files in ${folder}`);
    }
  }
}

function unmountable({ name, path }: FileToDeliver, why: string): DockerError {
  return new DockerError(
    "DELIVERY_PATH",
    `${name} can't be delivered to ${path}: this engine mounts only whole folders, ${why}`,
    {
      hint: `deliver it to a folder of its own, such as --file ${name}=/run/secrets/${name}, or use an engine with API 1.45`,
    },
  );
}

/** Without `NoCopy` the engine would copy the image's files of that folder into the volume. */
function mountOf(volume: string, target: string): Mount {
  return { Type: "volume", Source: volume, Target: target, VolumeOptions: { NoCopy: true } };
}

function nameOf(run: string, index: number): string {
  return `sealmount-${run}-${index}`;
}
