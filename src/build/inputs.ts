/** Reads what a build starts from: the Dockerfile and the ignore file. */
import { lstat, readFile, stat } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";

import { escapeControl } from "../docker/errors.ts";
import { BuildError } from "../errors.ts";
import { IgnoreFile } from "./ignore.ts";
import type { BuildRequest } from "./options.ts";

/** Name under which a Dockerfile from outside of the context travels. */
export const OUTSIDE_NAME = ".sealmount.Dockerfile";

/** A Dockerfile is text that people write; more than this is a mistake. */
const MAX_DOCKERFILE_BYTES = 4 * 1024 * 1024;

/** The files of a build, read. */
export interface BuildInputs {
  /** Absolute. */
  readonly context: string;
  readonly dockerfile: Dockerfile;
  readonly ignore: IgnoreFile;
  /** The ignore file as shown to the user; null when there is none. */
  readonly ignoreFile: string | null;
}

/** The Dockerfile of a build. */
export interface Dockerfile {
  /** As shown in errors: relative to the working directory where that is shorter. */
  readonly shown: string;
  readonly content: Buffer;
  /** Path within the context, or null when it must be sent beside it. */
  readonly inContext: string | null;
}

/**
 * @throws {@link BuildError} BUILD_CONTEXT when the context is no folder or its ignore file is
 *   malformed, BUILD_DOCKERFILE when the Dockerfile can't be read
 */
export async function readInputs(request: BuildRequest): Promise<BuildInputs> {
  const context = resolve(request.cwd, request.context);
  await checkContext(context, request.context);
  const path = await findDockerfile(context, request);
  const [dockerfile, ignored] = await Promise.all([
    readDockerfileAt(path, context, request.cwd),
    readIgnoreFile(path, context, request.cwd),
  ]);
  return { context, dockerfile, ...ignored };
}

async function checkContext(context: string, shown: string): Promise<void> {
  const found = await stat(context).catch(() => null);
  if (found?.isDirectory() === true) return;
  const what = found === null ? "does not exist" : "is not a folder";
  throw new BuildError("BUILD_CONTEXT", `the build context ${escapeControl(shown)} ${what}`, {
    hint: "name the folder that holds the Dockerfile, for instance: sealmount build .",
  });
}

/** `-f` counts from the working directory; without it, `Dockerfile` or `dockerfile` of the context. */
async function findDockerfile(context: string, request: BuildRequest): Promise<string> {
  if (request.dockerfile !== undefined) return resolve(request.cwd, request.dockerfile);
  const lower = join(context, "dockerfile");
  const usual = join(context, "Dockerfile");
  return !(await exists(usual)) && (await exists(lower)) ? lower : usual;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function readDockerfileAt(path: string, context: string, cwd: string): Promise<Dockerfile> {
  const shown = shownPath(path, cwd);
  const found = await lstat(path).catch(() => null);
  const content = await readFile(path).catch(() => null);
  if (found === null || content === null) {
    throw new BuildError("BUILD_DOCKERFILE", `can't read the Dockerfile ${shown}`, {
      hint: "name it with -f PATH",
    });
  }
  if (content.length > MAX_DOCKERFILE_BYTES) {
    throw new BuildError(
      "BUILD_DOCKERFILE",
      `${shown} has ${content.length} bytes, the limit is ${MAX_DOCKERFILE_BYTES}`,
    );
  }
  const inside = relative(context, path).split(sep).join("/");
  // a link may point out of the context, where the engine can't follow it
  const sent = !inside.startsWith("../") && !found.isSymbolicLink();
  return { shown, content, inContext: sent ? inside : null };
}

/** `<Dockerfile>.dockerignore` beside the Dockerfile wins over the context's own. */
async function readIgnoreFile(
  dockerfile: string,
  context: string,
  cwd: string,
): Promise<Pick<BuildInputs, "ignore" | "ignoreFile">> {
  for (const path of [`${dockerfile}.dockerignore`, join(context, ".dockerignore")]) {
    const text = await readFile(path, "utf8").catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw new BuildError("BUILD_CONTEXT", `can't read ${shownPath(path, cwd)}`);
    });
    if (text === null) continue;
    const ignoreFile = shownPath(path, cwd);
    return { ignore: new IgnoreFile(text, ignoreFile), ignoreFile };
  }
  return { ignore: new IgnoreFile("", ""), ignoreFile: null };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function shownPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return escapeControl(short.length < path.length ? short : path);
}
