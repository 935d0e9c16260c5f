/** Documents and blobs of one repository of a registry. */
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { DOCKER_HUB } from "../../../docker/reference.ts";
import { DockerError, errnoOf, InterruptedError } from "../../../errors.ts";
import { visible } from "../../../mask/visible.ts";
import { isLoopback } from "../../../session/auth/http.ts";
import { Http, isPassing, SilentError } from "./http.ts";
import { authorizationFor, refused } from "./login.ts";
import type { LoginRequest } from "./login.ts";
import { RedirectError } from "./redirect.ts";

/** Where Docker Hub is, in truth. */
const DOCKER_HUB_HOST = "registry-1.docker.io";

/** Largest document, in bytes: what registries take (distribution, oci spec "manifest size"). */
const DOCUMENT_LIMIT = 4 * 1024 * 1024;

const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** How often one thing is asked for, and how long to wait before the second time, in milliseconds. */
const TRIES = 4;
const FIRST_PAUSE_MS = 500;

/** Longest pause that a registry may ask for, in milliseconds: rate limits last for hours. */
const LONGEST_PAUSE_MS = 60_000;

/** Busy, or broken for a moment. */
const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/** Headers of one request. */
type Headers = Readonly<Record<string, string>>;

/** Reads from one repository. Every error is a {@link DockerError} or InterruptedError. */
export class RegistryClient implements Disposable {
  readonly #request: LoginRequest;
  readonly #http: Http;
  #base: string | undefined;
  #authorization: string | undefined;
  #tries = TRIES;
  #isSilent = false;

  constructor(request: LoginRequest) {
    this.#request = request;
    this.#http = new Http(request);
  }

  /**
   * A manifest or an index.
   *
   * @param reference - tag or digest
   * @returns null when there is none
   */
  async manifest(reference: string): Promise<Buffer | null> {
    return this.#again(async () => {
      const answer = await this.#get(`manifests/${reference}`, { Accept: MANIFEST_TYPES });
      return answer === null ? null : this.#document(answer);
    });
  }

  /**
   * A blob, from where a connection broke off if it does.
   *
   * @returns null when there is none; the stream throws as this does
   */
  async blob(digest: string): Promise<AsyncIterable<Buffer> | null> {
    const first = await this.#again(async () => this.#get(`blobs/${digest}`, {}));
    return first === null ? null : this.#whole(digest, first);
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
  }

  async #document(answer: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of this.#http.bodyOf(answer)) {
      length += chunk.length;
      if (length > DOCUMENT_LIMIT) {
        throw this.#unreadable("sends a manifest of more than 4 MiB");
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  async *#whole(digest: string, first: IncomingMessage): AsyncGenerator<Buffer> {
    let got = 0;
    let answer: IncomingMessage | null = first;
    for (let tries = 1; answer !== null; tries++) {
      // without the range that was asked for, the whole comes again
      const seen = answer.statusCode === 206 ? 0 : got;
      try {
        for await (const chunk of after(seen, this.#http.bodyOf(answer))) {
          got += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        if (tries >= this.#tries || !isPassing(error)) throw this.#explained(error);
      }
      await this.#pause(tries, undefined);
      const range = { Range: `bytes=${got}-` };
      answer = await this.#again(async () => this.#get(`blobs/${digest}`, range));
    }
    throw this.#unreadable("has lost a layer in the middle of it");
  }

  /** What fails for a moment is tried a few times. */
  async #again<T>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await ask();
      } catch (error) {
        const isBusy = error instanceof BusyError;
        if (tries >= this.#tries || (!isBusy && !isPassing(error))) throw this.#explained(error);
        await this.#pause(tries, isBusy ? error.after : undefined);
      }
    }
  }

  async #pause(tries: number, asked: number | undefined): Promise<void> {
    const { signal } = this.#request;
    const ms = asked ?? FIRST_PAUSE_MS * 2 ** (tries - 1);
    if (ms > LONGEST_PAUSE_MS) {
      throw this.#unreadable(`wants to be asked again in ${Math.ceil(ms / 1000)} s only`);
    }
    await sleep(ms, undefined, signal && { signal }).catch(() => {
      throw new InterruptedError();
    });
  }

  /** @returns null for 404 */
  async #get(path: string, headers: Headers): Promise<IncomingMessage | null> {
    const answer = await this.#authorized(path, { ...headers, "Accept-Encoding": "identity" });
    const { statusCode: status = 0 } = answer;
    if (status === 200 || (status === 206 && isRangeOf(answer, headers["Range"]))) return answer;
    answer.destroy();
    if (status === 404) return null;
    if (status === 401 || status === 403) {
      throw refused(this.#request, `does not give ${this.#request.path} (HTTP ${status})`);
    }
    if (PASSING.has(status)) throw new BusyError(status, answer.headers["retry-after"]);
    throw this.#unreadable(`answers ${status}`);
  }

  async #authorized(path: string, headers: Headers): Promise<IncomingMessage> {
    const answer = await this.#send(path, headers);
    const challenge = answer.headers["www-authenticate"];
    if (answer.statusCode !== 401 || challenge === undefined) return answer;
    answer.resume();
    // none yet, or a token whose minutes are over
    this.#authorization = await authorizationFor(challenge, this.#request);
    return this.#send(path, headers);
  }

  async #send(path: string, headers: Headers): Promise<IncomingMessage> {
    if (this.#isSilent) throw new SilentError();
    const authorization = this.#authorization;
    const all = { ...headers, ...(authorization && { Authorization: authorization }) };
    const at = `/v2/${this.#request.path}/${path}`;
    if (this.#base !== undefined) return this.#http.get(new URL(this.#base + at), all);
    let failure: Error | undefined;
    for (const base of basesOf(this.#request)) {
      try {
        const answer = await this.#http.get(new URL(base + at), all);
        // so a TLS server answers http
        if (answer.statusCode === 400) continue;
        this.#base = base;
        return answer;
      } catch (error) {
        failure ??= error instanceof Error ? error : this.#unreadable("can't be reached");
      }
    }
    throw failure ?? this.#unreadable("answers 400");
  }

  #explained(error: unknown): Error {
    if (error instanceof DockerError || error instanceof InterruptedError) return error;
    if (this.#request.signal?.aborted === true) return new InterruptedError();
    // an image has a hundred layers: they are not all waited for like that
    this.#tries = 1;
    this.#isSilent ||= error instanceof SilentError;
    if (error instanceof BusyError) return this.#unreadable(`answers ${error.status}`);
    if (error instanceof RedirectError) return this.#unreadable("leads to nowhere by redirects");
    if (error instanceof SilentError) return this.#unreadable("does not answer, or too slowly");
    const code = errnoOf(error);
    return this.#unreadable(code === "" ? "can't be understood" : `can't be reached (${code})`);
  }

  #unreadable(words: string): DockerError {
    const { host } = this.#request;
    return new DockerError("REGISTRY_UNREACHABLE", `the registry ${visible(host)} ${words}`, {
      hint: "try again later, or check the host, its certificate (NODE_EXTRA_CA_CERTS) and the network",
    });
  }
}

/** The bytes behind the first ones. */
async function* after(count: number, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let left = count;
  for await (const chunk of chunks) {
    const fresh = chunk.subarray(left);
    left -= chunk.length - fresh.length;
    if (fresh.length > 0) yield fresh;
  }
}

/** Try again later. */
class BusyError extends Error {
  readonly status: number;
  /** Milliseconds that the registry wants to be left alone; undefined when it does not say. */
  readonly after: number | undefined;

  constructor(status: number, retryAfter: string | undefined) {
    super();
    this.status = status;
    const seconds = Number(retryAfter);
    const date = Date.parse(retryAfter ?? "") - Date.now();
    const ms = Number.isNaN(seconds) ? date : seconds * 1000;
    this.after = Number.isNaN(ms) ? undefined : Math.max(0, ms);
  }
}

/** Loopback may speak http, as for engines. */
function basesOf({ host, isPlain }: LoginRequest): string[] {
  const real = host === DOCKER_HUB ? DOCKER_HUB_HOST : host;
  if (isPlain) return [`http://${real}`];
  return isLoopback(real) ? [`http://${real}`, `https://${real}`] : [`https://${real}`];
}

/** Whether a part of a blob is the one that was asked for. */
function isRangeOf(answer: IncomingMessage, range: string | undefined): boolean {
  const start = range?.replace("bytes=", "bytes ");
  return start !== undefined && (answer.headers["content-range"] ?? "").startsWith(start);
}
