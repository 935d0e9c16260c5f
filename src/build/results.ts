/** Files that tell other programs of a build: `--iidfile` and `--metadata-file`. */
import { rename, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";

import { escapeControl } from "../docker/errors.ts";
import { BuildError } from "../errors.ts";
import type { BuildRequest, BuildResult } from "./options.ts";

/** A file left from an earlier build must not pass for the result of one that failed. */
export async function removeStaleResults({ cwd, iidFile }: BuildRequest): Promise<void> {
  if (iidFile !== undefined) await rm(resolve(cwd, iidFile), { force: true });
}

/** @throws {@link BuildError} BUILD_FAILED when a file can't be written */
export async function writeResults(request: BuildRequest, result: BuildResult): Promise<void> {
  const { cwd, iidFile, metadataFile } = request;
  if (iidFile !== undefined) await write(resolve(cwd, iidFile), result.imageId);
  if (metadataFile === undefined) return;
  const text = `${JSON.stringify(metadataOf(result.metadata), null, 2)}\n`;
  await write(resolve(cwd, metadataFile), text);
}

/** As docker writes it: what is JSON in base64 becomes JSON, the rest stays text. */
export function metadataOf(metadata: ReadonlyMap<string, string>): Record<string, unknown> {
  return Object.fromEntries([...metadata].map(([key, value]) => [key, decoded(key, value)]));
}

function decoded(key: string, value: string): unknown {
  const text = key === "result.json" ? value : Buffer.from(value, "base64").toString("utf8");
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch {
    // most values are plain text: digests, names
  }
  return value;
}

async function write(path: string, text: string): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    await writeFile(part, text);
    await rename(part, path);
  } catch {
    await rm(part, { force: true });
    throw new BuildError(
      "BUILD_FAILED",
      `the image is built, but ${escapeControl(path)} can't be written`,
    );
  }
}
