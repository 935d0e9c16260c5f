/** `--push` where the exporter can't: the Engine API pushes what the image store has. */
import type { Engine } from "../docker/engine.ts";
import { statusOf, wordsOf } from "../docker/errors.ts";
import { jsonLines } from "../docker/json-lines.ts";
import { image } from "../docker/paths.ts";
import { parseReference, repositoryOf, type ImageReference } from "../docker/reference.ts";
import { isLoginRefusal, loginHint, registryAuth } from "../docker/registry-auth.ts";
import { DockerError } from "../errors.ts";
import { LoginWords } from "../mask/login-words.ts";
import type { BuildOptions } from "./options.ts";
import { outputsOf } from "./outputs.ts";

/** What the exporters call the digest of the image: where it was pushed to, else in the engine's store. */
export const IMAGE_DIGEST = "containerimage.digest";
/** The same for its configuration, by which an engine with a store of its own knows an image. */
export const CONFIG_DIGEST = "containerimage.config.digest";

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
  const reference = parseReference(name);
  if (reference === null) throw notPushed(name, "the registry's name can't be read");
  const login = (await options.auth?.credentials(reference.host)) ?? null;
  const header = registryAuth(reference.host, login);
  using words = new LoginWords(login, header);
  try {
    return await follow(options.engine, { reference, header, signal });
  } catch (error) {
    if (error instanceof Refusal) throw notPushed(name, words.text(error.message));
    if (!(error instanceof DockerError) || statusOf(error) === undefined) throw error;
    throw notPushed(name, words.text(wordsOf(error)));
  }
}

async function follow(
  engine: Engine,
  o: {
    readonly reference: ImageReference;
    readonly header: string;
    readonly signal: AbortSignal;
  },
): Promise<string> {
  const { reference, header, signal } = o;
  const response = await engine.stream("POST", image(repositoryOf(reference), "push"), {
    query: { tag: reference.tag },
    headers: { "X-Registry-Auth": header },
    signal,
  });
  let refusal: string | null = null;
  let digest = "";
  for await (const line of jsonLines<PushLine>(response, { host: engine.endpoint.host, signal })) {
    if (typeof line.error === "string") refusal = line.error;
    digest = digestIn(line) ?? digest;
  }
  if (refusal !== null) throw new Refusal(refusal);
  return digest;
}

/** The engine's words for a failure that came in the stream; never leaves this file. */
class Refusal extends Error {}

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
  const host = parseReference(name)?.host;
  if (host === undefined || !isLoginRefusal(words))
    return new DockerError("DOCKER_REFUSED", message);
  return new DockerError("REGISTRY_LOGIN", message, { hint: loginHint(host) });
}

/** `{"aux":{"Tag":"1","Digest":"sha256:…","Size":525}}` is told once it is there. */
function digestIn({ aux }: Partial<PushLine>): string | undefined {
  return typeof aux?.Digest === "string" && DIGEST.test(aux.Digest) ? aux.Digest : undefined;
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** `{"error":"…"}`, the digest, or progress. */
interface PushLine {
  readonly error: unknown;
  readonly aux: { readonly Digest?: unknown } | null;
}
