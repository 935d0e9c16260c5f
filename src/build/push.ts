/** `--push` where the exporter can't: the Engine API pushes what the image store has. */
import { createInterface } from "node:readline";

import { escapeControl } from "../docker/errors.ts";
import { parseJson } from "../docker/json.ts";
import { DockerError } from "../errors.ts";
import type { BuildOptions } from "./options.ts";
import { outputsOf } from "./outputs.ts";

/** What the exporters call the digest of the image: where it was pushed to, else in the engine's store. */
export const IMAGE_DIGEST = "containerimage.digest";
/** The same for its configuration, by which an engine with a store of its own knows an image. */
const CONFIG_DIGEST = "containerimage.config.digest";

/**
 * Pushes every tag of the outputs that ask for it. The login goes to the engine in a header, as with
 * `docker push`: there is no other way for it.
 *
 * @param answer - of the exporters
 * @returns the answer, with the digest that the registry has, as buildx tells it
 * @throws {@link DockerError} REGISTRY_LOGIN, DOCKER_REFUSED with the registry's words
 */
export async function pushImages(
  options: BuildOptions,
  answer: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const names = outputsOf(options)
    .filter(({ push }) => push)
    .flatMap(({ attributes }) => (attributes["name"] ?? "").split(","));
  const digests: string[] = [];
  for (const name of new Set(names)) digests.push(await pushImage(options, name, signal));
  const [digest = ""] = digests;
  if (digest === "") return answer;
  const config = answer.get(CONFIG_DIGEST) ?? answer.get(IMAGE_DIGEST) ?? "";
  return new Map([...answer, [CONFIG_DIGEST, config], [IMAGE_DIGEST, digest]]);
}

/** @returns the digest in the registry; empty when the engine does not tell */
async function pushImage(
  options: BuildOptions,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const { repository, tag } = splitTag(name);
  const response = await options.engine.stream("POST", `/images/${pathOf(repository)}/push`, {
    query: { tag },
    headers: { "X-Registry-Auth": await authHeader(options, hostOf(repository)) },
    signal,
  });
  let refusal: string | null = null;
  let digest = "";
  for await (const line of createInterface({ input: response })) {
    const said = readLine(line);
    refusal = said.error ?? refusal;
    digest = said.digest ?? digest;
  }
  signal.throwIfAborted();
  if (refusal !== null) throw notPushed(name, escapeControl(refusal.slice(0, 2_000)));
  return digest;
}

/** How registries, and engines for them, say that a login is missing, wrong, or not enough. */
const LOGIN =
  /\b401\b|unauthorized|authentication required|no basic auth|authorization failed|denied|insufficient_scope/i;

/**
 * The error of a build whose exporter could not push.
 *
 * @param text - the engine's words, masked and harmless
 * @returns null when they speak of something else
 */
export function pushFailure(text: string): DockerError | null {
  const [, name, words] = /failed to push (\S+): (.*)$/s.exec(text) ?? [];
  return name === undefined || words === undefined ? null : notPushed(name, words);
}

/** The error for an image that a registry did not take. */
function notPushed(name: string, words: string): DockerError {
  const message = `the image is built, but not pushed: ${words}`;
  if (!LOGIN.test(words)) return new DockerError("DOCKER_REFUSED", message);
  const host = hostOf(splitTag(name).repository);
  return new DockerError("REGISTRY_LOGIN", message, {
    hint: `put the login into [registries."${escapeControl(host)}"], or use: docker login ${escapeControl(host)}`,
  });
}

/** The tag is behind the last colon after the last slash; `latest` without one. */
function splitTag(name: string): { readonly repository: string; readonly tag: string } {
  const at = name.indexOf(":", name.lastIndexOf("/") + 1);
  if (at < 0) return { repository: name, tag: "latest" };
  return { repository: name.slice(0, at), tag: name.slice(at + 1) };
}

/** The first part is a host when it can't be a name on Docker Hub. */
function hostOf(repository: string): string {
  const [first = "", ...rest] = repository.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return isHost ? first : "docker.io";
}

function pathOf(repository: string): string {
  return repository.split("/").map(encodeURIComponent).join("/");
}

async function authHeader({ auth }: BuildOptions, host: string): Promise<string> {
  const login = (await auth?.credentials(host)) ?? null;
  if (login === null) return padded("{}");
  using secret = login.secret;
  const { username } = login;
  return secret.use((bytes) => {
    const password = bytes.toString("utf8");
    const config =
      username === ""
        ? { identitytoken: password, serveraddress: host }
        : { username, password, serveraddress: host };
    return padded(JSON.stringify(config));
  });
}

/** base64url as the engine wants it, with its padding: without, it goes on as if there was no login. */
function padded(text: string): string {
  return Buffer.from(text).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

/** `{"error":"…"}`, `{"aux":{"Tag":"1","Digest":"sha256:…","Size":525}}`, or progress. */
function readLine(line: string): { readonly error?: string; readonly digest?: string } {
  try {
    const { error, aux } = parseJson<PushLine>(line);
    return {
      ...(typeof error === "string" && { error }),
      ...(typeof aux?.Digest === "string" && DIGEST.test(aux.Digest) && { digest: aux.Digest }),
    };
  } catch {
    return {};
  }
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

interface PushLine {
  readonly error?: unknown;
  readonly aux?: { readonly Digest?: unknown } | null;
}
