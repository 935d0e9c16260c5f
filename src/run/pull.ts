/** Pulls one image through the Engine API, and follows the answer to its end. */
import type { Engine } from "../docker/engine.ts";
import { wordsOf } from "../docker/errors.ts";
import { jsonLines } from "../docker/json-lines.ts";
import { repositoryOf, type ImageReference } from "../docker/reference.ts";
import { registryAuth, type LoginStore } from "../docker/registry-auth.ts";
import { DockerError } from "../errors.ts";
import { LoginWords } from "../mask/login-words.ts";
import { pullFailure } from "./pull-failure.ts";

/** What a pull tells while it works. Foreign text in it is masked and harmless. */
export type PullEvent =
  | { readonly kind: "begin"; readonly image: string }
  | PullStatus
  /** Comes in any case, also after a failure. */
  | { readonly kind: "end" };

/** A line of the engine's. */
export interface PullStatus {
  readonly kind: "status";
  /** Of a layer, or the tag; undefined for a line about the whole. */
  readonly id: string | undefined;
  readonly text: string;
  /** Bytes of a layer so far, and in all where the engine knows. */
  readonly current?: number | undefined;
  readonly total?: number | undefined;
}

/** What to pull, and how. */
export interface PullRequest {
  readonly engine: Engine;
  /** As it was typed: for errors and progress. */
  readonly image: string;
  readonly reference: ImageReference;
  readonly platform?: string | undefined;
  readonly auth?: LoginStore | undefined;
  /** Ends the pull; the engine drops what it has so far. */
  readonly signal?: AbortSignal | undefined;
  readonly onPull?: ((event: PullEvent) => void) | undefined;
}

/**
 * Pulls an image. The login is asked for now and wiped when this returns; it is in a header of one
 * request, and nowhere else.
 *
 * @throws {@link DockerError} REGISTRY_LOGIN, IMAGE_MISSING, DOCKER_REFUSED, DOCKER_UNREACHABLE, all with
 *   the image's name
 * @throws InterruptedError when the signal fired, and whatever the login store throws
 */
export async function pullImage(request: PullRequest): Promise<void> {
  const { auth, reference, image, onPull } = request;
  const login = (await auth?.credentials(reference.host)) ?? null;
  const header = registryAuth(reference.host, login);
  using words = new LoginWords(login, header);
  onPull?.({ kind: "begin", image });
  try {
    await follow(request, header, words);
  } catch (error) {
    throw explained(error, request, { words, hasLogin: login !== null });
  } finally {
    onPull?.({ kind: "end" });
  }
}

async function follow(request: PullRequest, header: string, words: LoginWords): Promise<void> {
  const { engine, reference, platform, signal, onPull } = request;
  const answer = await engine.stream("POST", "/images/create", {
    query: {
      fromImage: repositoryOf(reference),
      tag: reference.digest ?? reference.tag,
      platform,
    },
    headers: { "X-Registry-Auth": header },
    signal,
  });
  let refusal: string | null = null;
  for await (const line of jsonLines<PullLine>(answer, { host: engine.endpoint.host, signal })) {
    // a failure comes after a 200, and perhaps not last
    if (typeof line.error === "string") refusal = line.error;
    const status = eventOf(line, words);
    if (status !== null) onPull?.(status);
  }
  if (refusal !== null) throw new Refusal(refusal);
}

/** The engine's words for a failure that came in the stream; never leaves this file. */
class Refusal extends Error {}

function explained(
  error: unknown,
  { image, reference, platform }: PullRequest,
  { words, hasLogin }: { readonly words: LoginWords; readonly hasLogin: boolean },
): unknown {
  if (error instanceof Refusal || (error instanceof DockerError && error.status !== undefined)) {
    const said = words.text(error instanceof DockerError ? wordsOf(error) : error.message);
    return pullFailure({ image, reference, platform, words: said, hasLogin });
  }
  if (!(error instanceof DockerError)) return error;
  const { code, hint } = error;
  return new DockerError(code, `image ${image} is not pulled: ${error.message}`, { hint });
}

/** One line of the answer. */
interface PullLine {
  readonly id: unknown;
  readonly status: unknown;
  readonly error: unknown;
  readonly progressDetail: { readonly current?: unknown; readonly total?: unknown } | null;
}

function eventOf(line: Partial<PullLine>, words: LoginWords): PullStatus | null {
  const { id, status, progressDetail } = line;
  if (typeof status !== "string") return null;
  const { current, total } = progressDetail ?? {};
  return {
    kind: "status",
    id: typeof id === "string" ? words.text(id) : undefined,
    text: words.text(status),
    current: typeof current === "number" ? current : undefined,
    total: typeof total === "number" ? total : undefined,
  };
}
