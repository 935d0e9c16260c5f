/**
 * The one funnel from engine answers and socket faults to {@link DockerError}. Engine text is
 * foreign: it is escaped here, and masked by whoever prints it.
 */
import { DockerError, errnoOf, InterruptedError, SealmountError } from "../errors.ts";

/** Longest piece of engine text that an error quotes, in characters. */
const MAX_FOREIGN_TEXT = 2_000;

/** Makes control characters (but not line feeds and tabs) visible, so that no terminal obeys them. */
export function escapeControl(text: string): string {
  return text.replace(
    // C0 without \t and \n, DEL, C1, and the bidirectional overrides that reorder what is shown
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Turns an HTTP answer other than success into an error.
 *
 * @param o.call - method and path without the query, such as `POST /containers/create`
 * @param o.message - the engine's own words
 */
export function refused(o: {
  readonly call: string;
  readonly status: number;
  readonly message: string;
}): DockerError {
  const text = escapeControl(o.message.trim().slice(0, MAX_FOREIGN_TEXT));
  const details = { status: o.status };
  if (o.status === 404 && /no such image/i.test(text)) {
    return new DockerError("IMAGE_MISSING", text, {
      ...details,
      hint: "build or pull the image first",
    });
  }
  return new DockerError("DOCKER_REFUSED", `${prefixOf(o)}${text}`, details);
}

function prefixOf(o: { readonly call: string; readonly status: number }): string {
  return `the engine refused ${o.call} (HTTP ${o.status}): `;
}

/** The engine's own words in an error of {@link refused}, where the call itself tells a reader nothing. */
export function wordsOf({ message }: DockerError): string {
  return message.replace(/^the engine refused \S+ \S+ \(HTTP \d+\): /, "");
}

/**
 * Turns anything a request threw into ours: an abort becomes {@link InterruptedError}, a socket
 * fault DOCKER_UNREACHABLE. The foreign error is not kept as a cause.
 */
export function fromRequest(error: unknown, host: string, signal?: AbortSignal): SealmountError {
  if (error instanceof SealmountError) return error;
  if (signal?.aborted === true) return new InterruptedError();
  const code = errnoOf(error);
  return new DockerError(
    "DOCKER_UNREACHABLE",
    `${reasonOf(code, error)} at ${escapeControl(host)}`,
    {
      hint: hintOf(code),
    },
  );
}

/** HTTP status of an engine's refusal, or undefined for anything else. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof DockerError ? error.status : undefined;
}

/** The answer, or null when the engine knows no such thing. */
export async function nullIfMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw error;
  }
}

/** For a removal: what is gone already is fine. */
export async function ignoreMissing(answer: Promise<unknown>): Promise<void> {
  await nullIfMissing(answer);
}

function reasonOf(code: string, error: unknown): string {
  switch (code) {
    case "ENOENT":
      return "no docker engine: there is no socket";
    case "ECONNREFUSED":
      return "no docker engine answers";
    case "EACCES":
    case "EPERM":
      return "no permission to use the docker engine";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the docker host's name does not resolve";
    case "ECONNRESET":
    case "EPIPE":
      return "the connection to the docker engine was lost";
    default: {
      const text = error instanceof Error ? error.message : String(error);
      return `the docker engine can't be reached (${escapeControl(text.slice(0, 200))})`;
    }
  }
}

function hintOf(code: string): string {
  if (code === "EACCES" || code === "EPERM") {
    return "run as a user that may open the socket (group docker), or name another engine with --host";
  }
  return "start the engine, or name another one with --host, DOCKER_HOST or docker context use";
}
