/** GET requests to a registry: redirects, silence, and bodies of any length. */
import type { Agent, IncomingMessage } from "node:http";
import { errnoOf } from "../../../errors.ts";
import { nextOf, RedirectError } from "./redirect.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** How to reach a registry. */
export interface HttpOptions {
  /** For the usual proxy variables, on a Node that knows them (22.21, 24.5). */
  readonly env?: Env | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Longest silence, in milliseconds; 30 s without. */
  readonly silenceMs?: number | undefined;
}

const SILENCE_MS = 30_000;

/** Bytes that have to come within one longest silence: a trickle is no answer either. */
const LEAST_BYTES = 1024;

/** Redirects that are followed; blobs have one, to a storage service. */
const REDIRECT_LIMIT = 5;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** No answer, or one that does not go on. */
export class SilentError extends Error {}

/** Asks one registry, over connections that are kept until it is closed. */
export class Http implements Disposable {
  readonly #options: HttpOptions;
  readonly #agents = new Map<string, Agent>();

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /**
   * Sends a GET and follows redirects. What stands in `Authorization` goes to the origin of the url
   * alone: a storage service has no use for it, and may not send it back to where it likes. Nor may
   * it ask for a login: it would name the token service that gets the password.
   *
   * @returns the answer of any status, body unread: see {@link Http.bodyOf}
   * @throws SilentError, RedirectError, and what the network throws
   */
  async get(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const { Authorization: _, ...others } = headers;
    let at = url;
    let sent = headers;
    for (let i = 0; i <= REDIRECT_LIMIT; i++) {
      const answer = await this.#send(at, sent);
      if (sent !== headers) delete answer.headers["www-authenticate"];
      if (!REDIRECTS.has(answer.statusCode ?? 0)) return answer;
      answer.resume();
      at = nextOf(at, answer.headers.location);
      if (at.origin !== url.origin) sent = others;
    }
    throw new RedirectError();
  }

  /** The body. Only time that is spent waiting for it counts as silence. */
  async *bodyOf(answer: IncomingMessage): AsyncGenerator<Buffer> {
    const { silenceMs = SILENCE_MS } = this.#options;
    let isWaiting = true;
    const timer = setTimeout(() => {
      if (isWaiting) answer.destroy(new SilentError());
    }, silenceMs);
    const pace = new Pace(silenceMs);
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        isWaiting = false;
        if (pace.isTooSlow(chunk.length)) throw new SilentError();
        yield chunk;
        isWaiting = true;
        timer.refresh();
      }
    } finally {
      clearTimeout(timer);
      answer.destroy();
    }
  }

  /** Closes all connections. */
  [Symbol.dispose](): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  async #send(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const { env, signal, silenceMs = SILENCE_MS } = this.#options;
    // TLS costs time to load, and a local registry needs none
    const http = url.protocol === "https:" ? await import("node:https") : await import("node:http");
    const agent =
      this.#agents.get(url.protocol) ??
      new http.Agent({ keepAlive: true, ...(env && { proxyEnv: { ...env } }) });
    this.#agents.set(url.protocol, agent);
    return new Promise((resolve, reject) => {
      const options = { agent, headers, timeout: silenceMs, ...(signal && { signal }) };
      const sent = http.get(url, options, (answer) => {
        // from here on the body is watched
        sent.setTimeout(0);
        resolve(answer);
      });
      sent.on("timeout", () => sent.destroy(new SilentError()));
      sent.on("error", reject);
    });
  }
}

/** How many bytes come in one longest silence. */
class Pace {
  readonly #window: number;
  #began = performance.now();
  #bytes = 0;

  constructor(window: number) {
    this.#window = window;
  }

  isTooSlow(bytes: number): boolean {
    this.#bytes += bytes;
    if (performance.now() - this.#began < this.#window) return false;
    const isTooSlow = this.#bytes < LEAST_BYTES;
    this.#began = performance.now();
    this.#bytes = 0;
    return isTooSlow;
  }
}

/** Faults of a connection that may be gone when it is made again. */
export function isPassing(error: unknown): boolean {
  return ["ECONNRESET", "EPIPE", "ETIMEDOUT"].includes(errnoOf(error));
}
