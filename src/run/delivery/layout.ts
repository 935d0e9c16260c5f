/** Which file lies where in which volume, and how the app mounts it: pure. */
import { posix } from "node:path";

import type { Mount } from "../flags/mounts.ts";
import type { FileToDeliver } from "./delivery.ts";

/** One volume to make. */
export interface VolumeLayout {
  readonly name: string;
  /** Folder of the volume below the helpers' root; also the first part of its files' names. */
  readonly key: string;
  /** Mode of the volume's own root, octal text for mount(8). */
  readonly mode: string;
  /** Upper limit of its content. */
  readonly bytes: number;
}

/** The plan for all files of a run. */
export interface Layout {
  readonly volumes: readonly VolumeLayout[];
  /** For the app's create request, read-only. */
  readonly mounts: readonly Mount[];
  /** Names in the upload, in the order of the files: `KEY/NAME`. */
  readonly names: readonly string[];
}

const PAGE = 4096;
/** Room for folders and rounding. */
const SPARE = 64 * 1024;

/**
 * With `subpath` one volume holds all files and each is mounted on its own, so that the image's
 * other files stay visible, and a restart, which would find an empty volume, fails. Without it
 * every folder becomes a volume.
 */
export function layOut(run: string, files: readonly FileToDeliver[], subpath: boolean): Layout {
  return subpath ? bySubpath(run, files) : byFolder(run, files);
}

function bySubpath(run: string, files: readonly FileToDeliver[]): Layout {
  const volume = { name: volumeName(run, 0), key: "0", mode: "0711", bytes: sizeOf(files) };
  return {
    volumes: [volume],
    mounts: files.map(({ path }, index) => mountOf(volume.name, path, String(index))),
    names: files.map((_, index) => `0/${index}`),
  };
}

function byFolder(run: string, files: readonly FileToDeliver[]): Layout {
  const folders = [...new Set(files.map(({ path }) => posix.dirname(path)))];
  const volumes = folders.map((folder, index) => ({
    name: volumeName(run, index),
    key: String(index),
    mode: "0755",
    bytes: sizeOf(files.filter(({ path }) => posix.dirname(path) === folder)),
  }));
  return {
    volumes,
    mounts: folders.map((folder, index) => mountOf(volumeName(run, index), folder)),
    names: files.map(
      ({ path }) => `${folders.indexOf(posix.dirname(path))}/${posix.basename(path)}`,
    ),
  };
}

function mountOf(volume: string, target: string, subpath?: string): Mount {
  return {
    Type: "volume",
    Source: volume,
    Target: target,
    ReadOnly: true,
    // without it the engine would copy the image's files of that folder into the volume
    VolumeOptions: { NoCopy: true, ...(subpath === undefined ? {} : { Subpath: subpath }) },
  };
}

function volumeName(run: string, index: number): string {
  return `sealmount-${run}-${index}`;
}

function sizeOf(files: readonly FileToDeliver[]): number {
  return files.reduce(
    (sum, { value }) => sum + PAGE + value.use((bytes) => Math.ceil(bytes.length / PAGE) * PAGE),
    SPARE,
  );
}
