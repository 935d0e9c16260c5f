/** Reads what a build starts from: the Dockerfile, the ignore file, and where its contexts are. */
import { lstat, readFile, stat } from "node:fs/promises";
import { basename, isAbsolute, join, relative, resolve } from "node:path";

import { escapeControl } from "../docker/errors.ts";
import { BuildError, errnoOf, UsageError } from "../errors.ts";
import { IgnoreFile } from "../session/filesync/ignore.ts";
import { isUrl } from "./engine-facts.ts";
import { malformed, splitPair } from "./flag-values.ts";
import { isLayout, readLayout, type LayoutSource } from "./layout-ref.ts";
import type { BuildRequest } from "./options.ts";
import { fetchDockerfile, isRemote } from "./remote-dockerfile.ts";
import type { StandardInput } from "./standard-input.ts";

/** A Dockerfile is text that people write; more than this is a mistake. */
const MAX_DOCKERFILE_BYTES = 4 * 1024 * 1024;

/** Where files of a build come from. */
export type ContextSource =
  | { readonly kind: "folder"; readonly root: string }
  /** The engine fetches it: git, http(s), an image, a stage. */
  | { readonly kind: "reference"; readonly value: string }
  | LayoutSource
  /** A tar on stdin. */
  | { readonly kind: "archive"; readonly input: StandardInput }
  /** A Dockerfile on stdin alone. */
  | { readonly kind: "empty" };

/** The files of a build, read. */
export interface BuildInputs {
  readonly context: ContextSource;
  readonly dockerfile: Dockerfile;
  readonly ignore: IgnoreFile;
  /** The ignore file as shown to the user; null when there is none. */
  readonly ignoreFile: string | null;
  /** `--build-context`, by name. */
  readonly named: ReadonlyMap<string, ContextSource>;
}

/** The Dockerfile of a build. */
export interface Dockerfile {
  /** As shown in errors: relative to the working directory where that is shorter. */
  readonly shown: string;
  /** Null when it is in a context that only the engine reads: a URL, a tar. */
  readonly content: Buffer | null;
  /** What the engine calls it. */
  readonly name: string;
  /** `<Dockerfile>.dockerignore`, when there is one beside it. */
  readonly ignore: Buffer | null;
}

/**
 * @throws {@link BuildError} BUILD_CONTEXT when the context is no folder or its ignore file is
 *   malformed, BUILD_DOCKERFILE when the Dockerfile can't be read
 * @throws {@link UsageError} USAGE, USAGE_CONFLICT when stdin is asked for twice or not given
 */
export async function readInputs(request: BuildRequest): Promise<BuildInputs> {
  const context = await contextOf(request);
  const dockerfile = await dockerfileOf(request, context);
  const named = await namedContexts(request);
  return { context, dockerfile, named, ...(await ignoreOf(request, context, dockerfile)) };
}

/** Path of a local Dockerfile; null when it is on stdin or only the engine has it. */
async function pathOf(request: BuildRequest, context: ContextSource): Promise<string | null> {
  const { dockerfile: given, cwd } = request;
  if (given === "-" || context.kind === "empty" || context.kind === "archive") return null;
  if (given !== undefined && isRemote(given)) return null;
  if (context.kind === "folder") return findDockerfile(context.root, request);
  return given !== undefined && isAbsolute(given) ? resolve(cwd, given) : null;
}

async function contextOf(request: BuildRequest): Promise<ContextSource> {
  if (request.context === "-") return contextOnStdin(request);
  const root = resolve(request.cwd, request.context);
  const found = await stat(root).catch(() => null);
  if (found?.isDirectory() === true) return { kind: "folder", root };
  if (isUrl(request.context)) return { kind: "reference", value: request.context };
  const what = found === null ? "does not exist" : "is not a folder";
  const shown = escapeControl(request.context);
  throw new BuildError("BUILD_CONTEXT", `the build context ${shown} ${what}`, {
    hint: "name the folder that holds the Dockerfile, for instance: sealmount build .",
  });
}

async function contextOnStdin(request: BuildRequest): Promise<ContextSource> {
  const input = stdinOf(request);
  if (request.dockerfile === "-") throw twiceOnStdin();
  if (await input.isArchive()) return { kind: "archive", input };
  if (request.dockerfile === undefined) return { kind: "empty" };
  throw new UsageError("USAGE_CONFLICT", "stdin holds a Dockerfile, and -f names another one", {
    hint: "leave out -f, or send a tar",
  });
}

function twiceOnStdin(): UsageError {
  return new UsageError("USAGE_CONFLICT", "both the context and the Dockerfile are to be on stdin");
}

function stdinOf({ stdin }: BuildRequest): StandardInput {
  if (stdin !== undefined) return stdin;
  throw new UsageError("USAGE", "the build wants stdin, which is not given");
}

async function dockerfileOf(request: BuildRequest, context: ContextSource): Promise<Dockerfile> {
  const { dockerfile: given, env } = request;
  if (given !== undefined && isRemote(given)) {
    const content = await fetchDockerfile(given, env);
    return { shown: "Dockerfile", content, name: "Dockerfile", ignore: null };
  }
  const path = await pathOf(request, context);
  if (path !== null) return readDockerfileAt(path, request.cwd);
  if (context.kind === "empty" || request.dockerfile === "-") return dockerfileOnStdin(request);
  const name = request.dockerfile ?? "Dockerfile";
  return { shown: escapeControl(name), content: null, name, ignore: null };
}

async function dockerfileOnStdin(request: BuildRequest): Promise<Dockerfile> {
  const content = await stdinOf(request)
    .all(MAX_DOCKERFILE_BYTES)
    .catch((error: unknown) => {
      if (error instanceof RangeError) throw tooLong("the Dockerfile on stdin", error.message);
      throw new BuildError("BUILD_DOCKERFILE", "can't read the Dockerfile on stdin");
    });
  return { shown: "Dockerfile", content, name: "Dockerfile", ignore: null };
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

async function readDockerfileAt(path: string, cwd: string): Promise<Dockerfile> {
  const shown = shownPath(path, cwd);
  const found = await lstat(path).catch(() => null);
  const content = await readFile(path).catch(() => null);
  if (found === null || content === null) {
    throw new BuildError("BUILD_DOCKERFILE", `can't read the Dockerfile ${shown}`, {
      hint: "name it with -f PATH",
    });
  }
  if (content.length > MAX_DOCKERFILE_BYTES) throw tooLong(shown, `${content.length} bytes`);
  const ignore = await readIfThere(`${path}.dockerignore`, cwd);
  return { shown, content, name: basename(path), ignore };
}

function tooLong(what: string, size: string): BuildError {
  return new BuildError(
    "BUILD_DOCKERFILE",
    `${what} has ${size}, the limit is ${MAX_DOCKERFILE_BYTES}`,
  );
}

/** `<Dockerfile>.dockerignore` beside the Dockerfile wins over the context's own. */
async function ignoreOf(
  request: BuildRequest,
  context: ContextSource,
  dockerfile: Dockerfile,
): Promise<Pick<BuildInputs, "ignore" | "ignoreFile">> {
  const { cwd } = request;
  if (dockerfile.ignore !== null) {
    const ignoreFile = `${dockerfile.shown}.dockerignore`;
    return { ignore: new IgnoreFile(dockerfile.ignore.toString("utf8"), ignoreFile), ignoreFile };
  }
  const path = context.kind === "folder" ? join(context.root, ".dockerignore") : null;
  const text = path === null ? null : await readIfThere(path, cwd);
  if (path === null || text === null) return { ignore: new IgnoreFile("", ""), ignoreFile: null };
  const ignoreFile = shownPath(path, cwd);
  return { ignore: new IgnoreFile(text.toString("utf8"), ignoreFile), ignoreFile };
}

async function readIfThere(path: string, cwd: string): Promise<Buffer | null> {
  return readFile(path).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return null;
    throw new BuildError("BUILD_CONTEXT", `can't read ${shownPath(path, cwd)}`);
  });
}

/** What a name may be that stands in FROM or --from: an image reference. */
const CONTEXT_NAME = /^[a-z0-9][\w.:/@-]*$/;

async function namedContexts(request: BuildRequest): Promise<Map<string, ContextSource>> {
  const found = new Map<string, ContextSource>();
  for (const text of request.buildContexts ?? []) {
    const [given, value] = splitPair(text);
    // as docker: `alpine`, `alpine:latest` and `docker.io/library/alpine` are one name
    const name = given.replace(/^docker\.io\/(?:library\/)?/, "").replace(/:latest$/, "");
    if (value === undefined || !CONTEXT_NAME.test(name)) throw malformed("--build-context");
    found.set(name, await namedContext(name, value, request));
  }
  return found;
}

async function namedContext(
  name: string,
  value: string,
  request: BuildRequest,
): Promise<ContextSource> {
  if (isLayout(value)) return readLayout(name, value, request);
  if (isUrl(value) || /^(?:docker-image:\/\/|target:)/.test(value))
    return { kind: "reference", value };
  const root = resolve(request.cwd, value);
  const isFolder = await stat(root).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (isFolder) return { kind: "folder", root };
  const shown = escapeControl(value);
  throw new BuildError("BUILD_CONTEXT", `the build context ${name}=${shown} is not a folder`);
}

function shownPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return escapeControl(short.length < path.length ? short : path);
}
