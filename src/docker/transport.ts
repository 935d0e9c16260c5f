/**
 * One HTTP call to the engine through docker-modem, dockerode's transport. Its own conveniences
 * stay unused: it copies bodies into the URL, buffers answers into a debug log, and reads the
 * environment behind our back. So every call names its path, query and body apart (`_query`,
 * `file`) and takes the raw response.
 */
import { IncomingMessage } from "node:http";
import { Agent } from "node:https";
import { addAbortSignal, Duplex } from "node:stream";

import type { DockerOptions, Endpoint } from "./endpoint.ts";
import { fromRequest, refused } from "./errors.ts";
import { parseJson } from "./json.ts";

/** Largest JSON answer that is read into memory, in bytes. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Values of a query; arrays repeat their key, undefined ones are left out. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

/** One request. */
export interface Call {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Absolute, escaped, without version prefix and query. */
  readonly path: string;
  readonly query?: Query | undefined;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly body?: Buffer | NodeJS.ReadableStream | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The one method of docker-modem that is used. */
export interface Modem {
  dial(options: object, done: (error: Error | null, result: unknown) => void): void;
}

/**
 * Options for the modem. Every key that it would otherwise take from `DOCKER_HOST` and its
 * relatives is set, so that an explicit endpoint never mixes with the environment.
 */
export function modemOptions(options: DockerOptions): Record<string, unknown> {
  const agent =
    options.rejectUnauthorized === false
      ? new Agent({ ...pemOf(options), rejectUnauthorized: false })
      : undefined;
  return {
    socketPath: options.socketPath,
    protocol: options.protocol ?? "http",
    host: options.host,
    port: options.port,
    pathPrefix: "/",
    username: options.username,
    ca: options.ca,
    cert: options.cert,
    key: options.key,
    timeout: undefined,
    version: undefined,
    agent,
    sshOptions: options.sshOptions ?? {},
  };
}

/** Requests to one engine, all under one API version prefix. */
export class Transport {
  readonly #modem: Modem;
  readonly #endpoint: Endpoint;
  readonly #prefix: string;

  /** @param prefix - `/v1.45`, or empty before the version is negotiated */
  constructor(modem: Modem, endpoint: Endpoint, prefix: string) {
    this.#modem = modem;
    this.#endpoint = endpoint;
    this.#prefix = prefix;
  }

  /** Same engine, other version prefix. */
  withPrefix(prefix: string): Transport {
    return new Transport(this.#modem, this.#endpoint, prefix);
  }

  /**
   * Sends a request; resolves with the response of a 2xx or 304 status, body unread.
   *
   * @throws {@link DockerError} DOCKER_REFUSED, IMAGE_MISSING, DOCKER_UNREACHABLE
   * @throws {@link InterruptedError} when the signal fired
   */
  async send(call: Call): Promise<IncomingMessage> {
    const response = answerOf(await this.#dial(call, { isStream: true }));
    if (call.signal !== undefined) addAbortSignal(call.signal, response);
    return this.#checked(call, response);
  }

  /**
   * Asks for a protocol upgrade and returns the raw socket, early bytes included.
   *
   * Nothing is sent after the request's header block before the 101 arrives: the engine throws its
   * read buffer away when it hands the connection over (so: Content-Length 0, never chunked).
   */
  async hijack(call: Call, protocol: string): Promise<Duplex> {
    const headers = {
      "Content-Type": "text/plain",
      ...call.headers,
      Connection: "Upgrade",
      Upgrade: protocol,
    };
    const upgraded = { ...call, headers, body: Buffer.alloc(0) };
    const answer = await this.#dial(upgraded, { isStream: true, hijack: true });
    // an IncomingMessage has no write side: the engine answered instead of upgrading
    if (answer instanceof Duplex) return answer;
    await this.#checked(call, answerOf(answer));
    throw refused({
      call: callName(call),
      status: 200,
      message: "it did not upgrade the connection",
    });
  }

  async #dial(call: Call, flags: object): Promise<unknown> {
    const query = presentValues(call.query);
    const options = {
      ...flags,
      method: call.method,
      path: this.#prefix + call.path + (query === undefined ? "" : "?"),
      headers: { ...call.headers },
      ...(query === undefined ? {} : { options: { _query: query, _body: {} } }),
      ...(call.body === undefined ? {} : { file: call.body }),
      ...(call.signal === undefined ? {} : { abortSignal: call.signal }),
      // every status is handed to us: its own error texts would quote the answer unescaped
      statusCodes: ANY_STATUS,
    };
    try {
      return await new Promise((resolve, reject) => {
        this.#modem.dial(options, (error, result) =>
          error === null ? resolve(result) : reject(error),
        );
      });
    } catch (error) {
      throw fromRequest(error, this.#endpoint.host, call.signal);
    }
  }

  async #checked(call: Call, response: IncomingMessage): Promise<IncomingMessage> {
    const status = response.statusCode ?? 0;
    if ((status >= 200 && status < 300) || status === 304) return response;
    const text = await this.text(response, call.signal);
    throw refused({ call: callName(call), status, message: messageOf(text) });
  }

  /** Reads a whole answer as text. */
  async text(response: IncomingMessage, signal?: AbortSignal): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) throw new Error(`answer over ${MAX_ANSWER_BYTES} bytes`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw fromRequest(error, this.#endpoint.host, signal);
    }
    return Buffer.concat(chunks).toString("utf8");
  }
}

const ANY_STATUS: object = new Proxy({}, { get: () => true });

function answerOf(answer: unknown): IncomingMessage {
  if (answer instanceof IncomingMessage) return answer;
  throw new TypeError("docker-modem gave no response");
}

function pemOf(options: DockerOptions): Pick<DockerOptions, "ca" | "cert" | "key"> {
  const { ca, cert, key } = options;
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function presentValues(query: Query | undefined): Record<string, unknown> | undefined {
  const entries = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function callName(call: Call): string {
  return `${call.method} ${call.path}`;
}

/** Engine errors are `{"message": …}`; a proxy in between answers with anything. */
function messageOf(text: string): string {
  try {
    const { message } = parseJson<{ readonly message?: unknown }>(text);
    if (typeof message === "string") return message;
  } catch {
    // not JSON: shown as it is
  }
  return text;
}
