import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { newKeyPair } from "../../../src/crypto/keypair.ts";
import type { KeyPair } from "../../../src/crypto/keypair.ts";
import { ManifestError, SealmountError } from "../../../src/errors.ts";
import { findProject } from "../../../src/project/project.ts";
import type { Project } from "../../../src/project/project.ts";
import { Secret } from "../../../src/secret/secret.ts";
import { refuseCanary, summary } from "../manifest/fixtures.ts";

/** A temporary folder with files; gone after the test. A repository, so nothing above it counts. */
export async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "smtest-project-")));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, ".git"));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

/** A project of one manifest. */
export async function projectWith(text: string): Promise<Project> {
  return findProject({ cwd: await folderWith({ "iterapp.toml": text }) });
}

export function textOf(project: Project): Promise<string> {
  return readFile(project.path, "utf8");
}

export function secretOf(value: string): Secret {
  return Secret.take("test", Buffer.from(value));
}

let pair: Promise<KeyPair> | undefined;

/** One key pair for all tests of a file. */
export function keyPair(): Promise<KeyPair> {
  return (pair ??= newKeyPair());
}

/** The error of a rejected promise, checked for the canary. */
export async function errorOf(promise: Promise<unknown>): Promise<SealmountError> {
  try {
    await promise;
  } catch (error) {
    refuseCanary(error);
    if (error instanceof SealmountError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The problems of a rejected promise, as `line:column key CODE`. */
export async function problemsOf(promise: Promise<unknown>): Promise<string[]> {
  const error = await errorOf(promise);
  if (error instanceof ManifestError) return summary(error.issues);
  throw error;
}
