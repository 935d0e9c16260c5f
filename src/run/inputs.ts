/** Files that docker's options name: read before anything else happens. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import { errnoOf, UsageError } from "../errors.ts";
import { seccompProfile } from "./flags/words.ts";
import type { ContainerOptions, PlanOptions } from "./options.ts";

/** Contents of `--env-file`, for {@link PlanOptions}. */
export async function readEnvFiles(
  container: ContainerOptions,
  cwd: string,
): Promise<NonNullable<PlanOptions["envFileTexts"]>> {
  return Promise.all(
    (container.envFile ?? []).map(async (file) => ({ file, bytes: await read(file, cwd) })),
  );
}

/** Contents of seccomp profiles, by path as written. */
export async function readProfiles(
  container: ContainerOptions,
  cwd: string,
): Promise<Map<string, string>> {
  const profiles = new Map<string, string>();
  for (const option of container.securityOpt ?? []) {
    const path = seccompProfile(option);
    if (path !== null) profiles.set(path, compact(path, await read(path, cwd)));
  }
  return profiles;
}

async function read(file: string, cwd: string): Promise<Buffer> {
  try {
    return await readFile(resolve(cwd, file));
  } catch (error) {
    throw new UsageError("USAGE", `${file} can't be read (${errnoOf(error)})`, { place: { file } });
  }
}

function compact(file: string, bytes: Buffer): string {
  try {
    return JSON.stringify(JSON.parse(bytes.toString("utf8")));
  } catch {
    // a parser's message would quote the file
    throw new UsageError("USAGE", `the seccomp profile ${file} is not JSON`, { place: { file } });
  }
}
