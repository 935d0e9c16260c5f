/** The file of hidden variables among the files of a container: see `gate/gate.c`. */
import { posix } from "node:path";

import { ENV_FILE } from "../gate/gate.ts";
import type { LaunchSpec } from "./spec.ts";

/**
 * The index of that file among the files.
 *
 * @returns null for a container whose variables are not hidden
 */
export function hiddenFile({ folders, singles }: LaunchSpec): number | null {
  const inFolders = folders.flatMap(({ target, files }) =>
    files.map(({ path, file }) => ({ path: posix.join(target, path), file })),
  );
  const alone = singles.map(({ target, file }) => ({ path: target, file }));
  return [...inFolders, ...alone].find(({ path }) => path === ENV_FILE)?.file ?? null;
}

/** Names of the secrets that are files of their own: all but the one with the variables. */
export function fileNames(spec: LaunchSpec): string[] {
  const hidden = hiddenFile(spec);
  return spec.files.flatMap(({ name }, index) => (index === hidden ? [] : [name]));
}

/** Names of every secret that the container has. */
export function namesOf(spec: LaunchSpec): string[] {
  return [...new Set([...fileNames(spec), ...spec.variables])];
}
