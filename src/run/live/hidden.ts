/** The file of hidden variables among the files of a container: see `gate/gate.c`. */
import { posix } from "node:path";

import { ENV_FILE } from "../gate/gate.ts";
import type { LaunchSpec } from "./spec.ts";

/**
 * The index of the gate's file among the files: with the hidden variables, or with none where the gate
 * only stands guard.
 *
 * @returns null for a container without the gate
 */
export function gateFile({ folders, singles }: LaunchSpec): number | null {
  const inFolders = folders.flatMap(({ target, files }) =>
    files.map(({ path, file }) => ({ path: posix.join(target, path), file })),
  );
  const alone = singles.map(({ target, file }) => ({ path: target, file }));
  return [...inFolders, ...alone].find(({ path }) => path === ENV_FILE)?.file ?? null;
}

/** The same, where variables are in it; else null. */
export function hiddenFile(spec: LaunchSpec): number | null {
  return spec.hides ? gateFile(spec) : null;
}

/** Names of the secrets that are files of their own: all but the gate's. */
export function fileNames(spec: LaunchSpec): string[] {
  const gate = gateFile(spec);
  return spec.files.flatMap(({ name }, index) => (index === gate ? [] : [name]));
}

/** Names of every secret that the container has. */
export function namesOf(spec: LaunchSpec): string[] {
  return [...new Set([...fileNames(spec), ...spec.variables])];
}
