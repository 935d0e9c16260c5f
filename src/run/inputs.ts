/** Files that docker's options name: read before anything else happens. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import { errnoOf, UsageError } from "../errors.ts";
import type { ContainerOptions } from "./container-options.ts";
import { parseEnvFile } from "./flags/environment.ts";
import { seccompProfile } from "./flags/words.ts";
import type { PlanOptions } from "./options.ts";

/** What was read. */
export interface Inputs {
  /** The options, with the labels of `--label-file` in front of the typed ones, which win. */
  readonly container: ContainerOptions;
  /** Contents of `--env-file`, for {@link PlanOptions}. */
  readonly envFileTexts: NonNullable<PlanOptions["envFileTexts"]>;
  /** Contents of seccomp profiles, by path as written. */
  readonly profiles: ReadonlyMap<string, string>;
}

/** @throws {@link UsageError} USAGE for a file that can't be read or is not what it should be */
export async function readInputs(container: ContainerOptions, cwd: string): Promise<Inputs> {
  const { envFile = [], labelFile = [], label = [], ...rest } = container;
  const [envFileTexts, labelTexts, profiles] = await Promise.all([
    readEnvFiles(envFile, cwd),
    Promise.all(labelFile.map(async (file) => parseLabelFile(file, await read(file, cwd)))),
    readProfiles(container, cwd),
  ]);
  const labels = [...labelTexts.flat(), ...label];
  return {
    container: { ...rest, ...(labels.length === 0 ? {} : { label: labels }) },
    envFileTexts,
    profiles,
  };
}

/** Files of `--env-file`, in order. @throws {@link UsageError} USAGE for one that can't be read */
export async function readEnvFiles(
  files: readonly string[],
  cwd: string,
): Promise<Inputs["envFileTexts"]> {
  return Promise.all(files.map(async (file) => ({ file, bytes: await read(file, cwd) })));
}

/** An env file's form; a line without a value is left out, as there is nothing to take it from. */
function parseLabelFile(file: string, bytes: Uint8Array): string[] {
  return parseEnvFile(file, bytes, {}).map(({ name, value }) => `${name}=${value ?? ""}`);
}

async function readProfiles(
  { securityOpt = [] }: ContainerOptions,
  cwd: string,
): Promise<Map<string, string>> {
  const profiles = new Map<string, string>();
  for (const option of securityOpt) {
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
